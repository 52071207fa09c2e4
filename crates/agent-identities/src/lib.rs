//! Microsoft Entra Agent ID: acquires tokens as an agent, on behalf of its user, or as an agent user.
