//! Three masters that share the slots among them.

use super::{Access, Redis};
use crate::{Failure, folder::Folder, pause::pause};

use std::time::Duration;

const NODES: usize = 3;

/// A Redis cluster of this test's own: three masters without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the nodes and waits until each of them says that all slots are served.
    ///
    /// # Errors
    /// If Redis is not installed, or with the end of a log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        let options = [
            ["--cluster-enabled", "yes"],
            ["--cluster-config-file", "nodes.conf"],
            ["--cluster-node-timeout", "2000"],
        ];
        let node = |_| Redis::with(Folder::new("redis-node")?, Access::default(), options.as_flattened());
        let nodes: Vec<Redis> = (0..NODES).map(node).collect::<Result<_, _>>()?;
        let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let mut words: Vec<&str> = vec!["--cluster", "create"];
        words.extend(addresses.iter().map(String::as_str));
        words.push("--cluster-yes");
        let cluster = Self { nodes };
        if let [first, ..] = cluster.nodes() {
            first.server.folder().run(&crate::package::REDIS_CLI, &[], &words)?;
        }
        cluster.nodes.iter().try_for_each(wait_for_slots)?;
        Ok(cluster)
    }

    /// The nodes; what is done to one of them is done to its slots.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Where the nodes are; a client needs one of them to find the others.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }
}

fn wait_for_slots(node: &Redis) -> Result<(), Failure> {
    for _ in 0..1_000 {
        if node.command(&["CLUSTER", "INFO"])?.contains("cluster_state:ok") {
            return Ok(());
        }
        pause(Duration::from_millis(20));
    }
    Err(Failure::new("the Redis cluster does not serve all slots").with_log(&node.server.folder().log()))
}
