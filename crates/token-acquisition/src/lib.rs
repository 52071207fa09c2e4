//! Acquires, caches and refreshes access tokens from Microsoft Entra ID, as an application or on behalf of a user.
