//! Reads appsettings.json and its environment overlays, for applications that call APIs protected by Microsoft Entra ID.
