//! Agents through the public API, against an Entra on loopback that shares no code with them.

#[cfg(test)]
mod agent_user;
#[cfg(test)]
mod autonomous;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod interactive;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod stage;
