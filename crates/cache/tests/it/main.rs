//! The shared cache as configurations name it.

#[cfg(test)]
#[cfg(feature = "cosmos")]
mod by_token;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod naming;
#[cfg(test)]
mod seed;
#[cfg(test)]
mod tokens;
