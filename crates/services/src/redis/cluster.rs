//! Three masters that share the slots among them, and a replica that takes the place of one.

use super::{Access, Redis};
use crate::{Failure, folder::Folder, pause::pause};

use std::time::Duration;

const NODES: usize = 3;

/// A Redis cluster of this test's own: three masters without replicas, or with one.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    _replica: Option<Redis>,
}

impl RedisCluster {
    /// Starts the nodes and waits until each of them says that all slots are served.
    ///
    /// # Errors
    /// If Redis is not installed, or with the end of a log if it does not come up.
    pub fn start() -> Result<Self, Failure> {
        let nodes: Vec<Redis> = (0..NODES).map(|_| start_node()).collect::<Result<_, _>>()?;
        let addresses: Vec<_> = nodes.iter().map(address).collect();
        let mut words: Vec<&str> = vec!["--cluster", "create"];
        words.extend(addresses.iter().map(String::as_str));
        words.push("--cluster-yes");
        let cluster = Self { nodes, _replica: None };
        if let [first, ..] = cluster.nodes() {
            first.server.folder().run(&crate::package::REDIS_CLI, &[], &words)?;
        }
        cluster.nodes.iter().try_for_each(wait_for_slots)?;
        Ok(cluster)
    }

    /// The same, with a replica of the first node, which takes its place some seconds after it is gone.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_replica() -> Result<Self, Failure> {
        let cluster = Self::start()?;
        let replica = start_node()?;
        let [first, ..] = cluster.nodes() else { return Ok(cluster) };
        let (id, at, to) = (first.command(&["CLUSTER", "MYID"])?, address(&replica), address(first));
        let words = ["--cluster", "add-node", &at, &to, "--cluster-slave", "--cluster-master-id", id.trim()];
        first.server.folder().run(&crate::package::REDIS_CLI, &[], &words)?;
        for _ in 0..1_000 {
            let follows = replica.command(&["INFO", "replication"])?.contains("master_link_status:up");
            // They elect it only if they have heard of it before its node is gone.
            if follows
                && cluster.nodes.iter().try_fold(true, |all, node| Ok(all && has_heard_of(node, &at)?))?
            {
                return Ok(Self { _replica: Some(replica), ..cluster });
            }
            pause(Duration::from_millis(20));
        }
        Err(Failure::new("the replica does not follow its node").with_log(&replica.server.folder().log()))
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

fn start_node() -> Result<Redis, Failure> {
    let options = [
        ["--cluster-enabled", "yes"],
        ["--cluster-config-file", "nodes.conf"],
        ["--cluster-node-timeout", "2000"],
        ["--repl-diskless-sync-delay", "0"],
    ];
    Redis::with(Folder::new("redis-node")?, Access::default(), options.as_flattened())
}

fn address(node: &Redis) -> String {
    format!("127.0.0.1:{}", node.port())
}

/// Whether a node knows the one at this address as a replica.
fn has_heard_of(node: &Redis, replica: &str) -> Result<bool, Failure> {
    let known = node.command(&["CLUSTER", "NODES"])?;
    // `<id> <address>@<bus port> slave <id of its master> ..`
    Ok(known.lines().any(|line| line.contains(&format!(" {replica}@")) && line.contains("slave ")))
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
