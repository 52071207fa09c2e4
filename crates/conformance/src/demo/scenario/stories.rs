//! The stories of the demo, told one after the other.

use super::{Before, Caller, Expected, Scenario, Then};
use crate::demo::host::Example;

/// The stories, in the order of the documents that they come from.
pub(crate) const SCENARIOS: &[Scenario] = &[
    agent("Api, as the agent", "An autonomous agent calls an API as itself.", "/api/products", 2, AGENT),
    agent(
        "Api, on behalf of the user",
        "An agent acts for the user who called.",
        "/api/user-products",
        2,
        ON_BEHALF,
    ),
    agent(
        "Api, as the agent's user (UPN)",
        "An agent acts as its own user, by name.",
        "/api/agent-user/upn",
        3,
        AGENT_USER,
    ),
    agent(
        "Api, as the agent's user (object id)",
        "The same, by object id.",
        "/api/agent-user/object-id",
        3,
        AGENT_USER,
    ),
    agent("client, as the agent", "Your own HTTP client, with the middleware.", "/client/data", 2, AGENT),
    agent(
        "client, on behalf of the user",
        "The same client, for the user who called.",
        "/client/user-data",
        2,
        ON_BEHALF,
    ),
    agent(
        "client, as the agent's user (UPN)",
        "The same client, as the agent's user.",
        "/client/agent-user/upn",
        3,
        AGENT_USER,
    ),
    agent(
        "client, as the agent's user (object id)",
        "The same, by object id.",
        "/client/agent-user/object-id",
        3,
        AGENT_USER,
    ),
    agent("header, as the agent", "Only the header; the HTTP is yours.", "/header/background", 2, AGENT),
    agent(
        "header, on behalf of the user",
        "The header for the user who called.",
        "/header/user",
        2,
        ON_BEHALF,
    ),
    agent(
        "header, as the agent's user (UPN)",
        "The header of the agent's user.",
        "/header/agent-user/upn",
        3,
        AGENT_USER,
    ),
    agent(
        "header, as the agent's user (object id)",
        "The same, by object id.",
        "/header/agent-user/object-id",
        3,
        AGENT_USER,
    ),
    Scenario {
        seed: "004",
        ..agent(
            "the header itself, redacted",
            "The endpoint that hands out the header tells what it proves.",
            "/agent-obo-user",
            2,
            Expected::Redacted,
        )
    },
    Scenario {
        seed: "004",
        ..agent(
            "Graph, on behalf of the user",
            "The agent asks Microsoft Graph who its user is.",
            "/agent-obo-user/me",
            2,
            Expected::Text("/displayName", "Alice \u{c5}ngstr\u{f6}m"),
        )
    },
    Scenario {
        seed: "004",
        ..agent(
            "Graph, as the agent's user",
            "The agent's user asks Microsoft Graph who they are.",
            "/agent-user/me",
            3,
            Expected::Text("/displayName", "Agent One"),
        )
    },
    graph(
        "Graph client, user and application",
        "Who the user is, and all users as the application.",
        "/profile",
        2,
        Expected::Text("/me/displayName", "Alice \u{c5}ngstr\u{f6}m"),
    ),
    graph(
        "Graph client, pages",
        "Thirty-five messages on four pages, as one list.",
        "/mail",
        1,
        Expected::Count("/count", 35, "messages"),
    ),
    graph(
        "Graph client, a batch",
        "Two requests in one, with an answer each.",
        "/dashboard",
        1,
        Expected::Count("/mail/value", 3, "messages"),
    ),
    Scenario {
        seed: "002",
        ..graph(
            "Graph client, section GraphBeta",
            "The section says where, and that the application asks.",
            "/users",
            1,
            Expected::Text("/value/0/displayName", "Alice \u{c5}ngstr\u{f6}m"),
        )
    },
    Scenario {
        method: "POST",
        api: Example::KeyVault,
        ..bound(
            "Azure SDK, Key Vault signs",
            "The SDK's own client, with our credential.",
            "/sign",
            1,
            Expected::Signed,
        )
    },
    web_api(
        "OBO, get",
        "A web API calls another for its user.",
        "/api/data/userdata",
        1,
        Expected::Kind("user"),
    ),
    Scenario {
        method: "POST",
        ..web_api("OBO, post", "It posts what was posted.", "/api/data/process", 1, Expected::Kind("user"))
    },
    web_api(
        "OBO, three calls at once",
        "A dashboard: Graph once, the partner twice.",
        "/api/dashboard",
        2,
        Expected::Text("/user/displayName", "Alice \u{c5}ngstr\u{f6}m"),
    ),
    web_api(
        "as the application",
        "No user: the application's own permissions.",
        "/api/users",
        1,
        Expected::Text("/value/0/displayName", "Alice \u{c5}ngstr\u{f6}m"),
    ),
    long_running(
        "long-running, explicit key",
        "Work goes on under the process id when its user is gone.",
        "/api/processing/start",
    ),
    long_running(
        "long-running, allocated key",
        "The same under a random key in the row of the queue.",
        "/api/auto-key-processing/start",
    ),
    shared_cache(
        "shared cache, another instance",
        "Two instances have one SQLite file.",
        Then::AnotherInstance,
    ),
    shared_cache(
        "shared cache, after a restart",
        "An instance ends, and another one is started.",
        Then::Restart,
    ),
    bound(
        "bound: Api, as the application",
        "MTLS_POP: a token that is bound to the certificate.",
        "/orders",
        1,
        APP,
    ),
    Scenario {
        api: Example::BoundAgent,
        ..bound(
            "bound: Api, as an agent",
            "Each leg of an agent's token is bound, too.",
            "/agent/orders",
            2,
            Expected::Bound("agent"),
        )
    },
    Scenario {
        api: Example::BoundMachine,
        ..bound(
            "bound: Api, as a managed identity",
            "A virtual machine: its metadata service issues the certificate.",
            "/orders",
            3,
            Expected::BoundToMachine,
        )
    },
    Scenario {
        then: Then::Thief,
        ..bound(
            "bound: a stolen token",
            "Somebody has the token from a log, and shows it in four ways.",
            "/orders",
            1,
            Expected::WorthNothing,
        )
    },
    bound(
        "bound: the credential alone",
        "UseBoundCredential: a plain token, and the certificate on the way to it.",
        "/invoices",
        1,
        Expected::BoundCredential("app"),
    ),
    bound(
        "bound: the certificate alone",
        "MTLS: the other API knows the certificate, and takes no token.",
        "/archive",
        0,
        Expected::Certificate,
    ),
    Scenario {
        before: Before::EntraFailsOnceWarm,
        ..web_api(
            "Entra is away",
            "With a token at hand nobody notices.",
            "/api/data/userdata",
            1,
            Expected::Kind("user"),
        )
    },
    Scenario {
        before: Before::ConsentIsMissing,
        warm: 1,
        ..web_api(
            "consent is missing",
            "The caller is told what to consent to; nothing is remembered.",
            "/api/data/userdata",
            1,
            Expected::Status(401, "consent_required"),
        )
    },
    Scenario {
        before: Before::ApiAnswers(404),
        ..web_api("not found downstream", "Mapped: 404 stays 404.", "/api/data", 1, Expected::Status(404, ""))
    },
    Scenario {
        before: Before::ApiAnswers(500),
        ..web_api(
            "downstream fails",
            "Mapped: anything else is 502.",
            "/api/data",
            1,
            Expected::Status(502, ""),
        )
    },
    Scenario {
        caller: Caller::Nobody,
        ..web_api("no token", "Nobody called.", "/api/data/userdata", 0, Expected::Status(401, "Bearer"))
    },
    Scenario {
        caller: Caller::ExpiredAlice,
        ..web_api(
            "an expired token",
            "Refused, saying why.",
            "/api/data/userdata",
            0,
            Expected::Status(401, "invalid_token"),
        )
    },
];

const APP: Expected = Expected::Bound("app");
const AGENT: Expected = Expected::Kind("agent");
const ON_BEHALF: Expected = Expected::Kind("agent on behalf of a user");
const AGENT_USER: Expected = Expected::Kind("agent user");

const fn agent(
    name: &'static str,
    story: &'static str,
    path: &'static str,
    cold: usize,
    expected: Expected,
) -> Scenario {
    Scenario {
        name,
        seed: "000",
        story,
        api: Example::Agent,
        method: "GET",
        path,
        caller: Caller::Alice,
        before: Before::Nothing,
        then: Then::Again,
        cold,
        warm: 0,
        expected,
    }
}

const fn web_api(
    name: &'static str,
    story: &'static str,
    path: &'static str,
    cold: usize,
    expected: Expected,
) -> Scenario {
    Scenario { seed: "003", api: Example::WebApi, ..agent(name, story, path, cold, expected) }
}

const fn graph(
    name: &'static str,
    story: &'static str,
    path: &'static str,
    cold: usize,
    expected: Expected,
) -> Scenario {
    Scenario { seed: "001", api: Example::Graph, ..agent(name, story, path, cold, expected) }
}

const fn long_running(name: &'static str, story: &'static str, path: &'static str) -> Scenario {
    Scenario {
        method: "POST",
        api: Example::LongRunning,
        then: Then::Later,
        warm: 1,
        ..web_api(name, story, path, 1, Expected::DoneLater("user"))
    }
}

const fn shared_cache(name: &'static str, story: &'static str, then: Then) -> Scenario {
    let kind = Expected::Kind("user");
    Scenario { api: Example::SharedCache, then, ..web_api(name, story, "/api/data", 1, kind) }
}

const fn bound(
    name: &'static str,
    story: &'static str,
    path: &'static str,
    cold: usize,
    expected: Expected,
) -> Scenario {
    Scenario { seed: "001", api: Example::Bound, ..agent(name, story, path, cold, expected) }
}
