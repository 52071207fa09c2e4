//! Protects a web API with Microsoft Entra ID: validates access tokens and answers with the right challenge.
