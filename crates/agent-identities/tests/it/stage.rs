//! The stage on which the engine's stories are played serves those of agents, too: same steps, same
//! watch for secrets, other stories.

#[path = "../../../token-acquisition/tests/it/kit.rs"]
#[expect(dead_code, reason = "the engine's own tests need more of it")]
mod kit;
#[path = "../../../token-acquisition/tests/it/scenario.rs"]
pub(crate) mod scenario;
