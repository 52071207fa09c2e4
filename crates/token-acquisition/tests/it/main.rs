//! The engine through its public API, against an Entra on loopback that shares no code with it.

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod authorities;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod bound_credential;
#[cfg(test)]
mod bound_federated;
#[cfg(test)]
mod challenges;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod dsts;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod federated;
#[cfg(test)]
mod freshness;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod key_vault;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod managed_identity;
#[cfg(test)]
mod observability;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod regions;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod second_level;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod static_stability;
#[cfg(test)]
mod wiretap;
