//! The shared cache as configurations name it.

#[cfg(test)]
mod naming;
