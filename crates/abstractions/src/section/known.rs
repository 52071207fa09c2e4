//! Every key that entra-rs knows in a section of its own. One list for all crates: a key that only
//! another crate reads is not unknown.
//!
//! Names and meaning are those of Microsoft.Identity.Web, so that one `appsettings.json` serves
//! both: <https://learn.microsoft.com/entra/msal/dotnet/microsoft-identity-web/>.

/// The section of an application, usually `AzureAd`.
pub const APPLICATION: &[&str] = &[
    "AadAuthorityAudience",
    "AllowWebApiToBeAuthorizedByACL",
    "AppHomeTenantId",
    "AppPermissions",
    "Audience",
    "Audiences",
    "Authority",
    "AzureCloudInstance",
    "AzureRegion",
    "CallbackPath",
    "ClientCapabilities",
    "ClientCertificates",
    "ClientCredentials",
    "ClientCredentialsUsingManagedIdentity",
    "ClientId",
    "ClientName",
    "ClientSecret",
    "ClientVersion",
    "Domain",
    "EditProfilePolicyId",
    "EnableCacheSynchronization",
    "EnablePiiLogging",
    "ErrorPath",
    "ExtraQueryParameters",
    "Instance",
    "LegacyCacheCompatibilityEnabled",
    "MapInboundClaims",
    "Name",
    "PartitionAppTokenCacheByAudience",
    "RedirectUri",
    "RemoteSignOutPath",
    "ResetPasswordPath",
    "ResetPasswordPolicyId",
    "ResponseType",
    "SaveTokens",
    "Scope",
    "Scopes",
    "SendX5C",
    "ShowPII",
    "SignUpSignInPolicyId",
    "SignedOutCallbackPath",
    "TenantId",
    "TokenDecryptionCertificates",
    "TokenDecryptionCredentials",
    "TokenValidationParameters",
    "UseFastUnboundedCache",
    "UsePkce",
    "UserAssignedManagedIdentityClientId",
    "WithSpaAuthCode",
];

/// An entry of `ClientCredentials` (and of `ClientCertificates` and `TokenDecryptionCredentials`).
pub const CREDENTIAL: &[&str] = &[
    "Algorithm",
    "Base64EncodedValue",
    "CertificateDiskPath",
    "CertificateDistinguishedName",
    "CertificatePassword",
    "CertificateStorePath",
    "CertificateSubjectName",
    "CertificateThumbprint",
    "ClientSecret",
    "CustomSignedAssertionProviderData",
    "CustomSignedAssertionProviderName",
    "DecryptKeysAuthenticationOptions",
    "KeyVaultCertificateName",
    "KeyVaultUrl",
    "ManagedIdentityClientId",
    "SignedAssertionFileDiskPath",
    "Skip",
    "SourceType",
    "TokenExchangeAuthority",
    "TokenExchangeUrl",
    "UseBoundCredential",
];

/// The section of an API that is called, below `DownstreamApis` or anywhere.
pub const DOWNSTREAM_API: &[&str] = &[
    "AcceptHeader",
    "AcquireTokenOptions",
    "Anonymous",
    "BaseUrl",
    "ContentType",
    "ExtraHeaderParameters",
    "ExtraQueryParameters",
    "HttpClientName",
    "HttpMethod",
    "ProtocolScheme",
    "RelativePath",
    "RequestAppToken",
    "Scopes",
    "Timeout",
];

/// `AcquireTokenOptions` of an API.
pub const ACQUIRE_TOKEN_OPTIONS: &[&str] = &[
    "AuthenticationOptionsName",
    "Claims",
    "CorrelationId",
    "ExtraHeadersParameters",
    "ExtraParameters",
    "ExtraQueryParameters",
    "FmiPath",
    "ForceRefresh",
    "LongRunningWebApiSessionKey",
    "ManagedIdentity",
    "PopClaim",
    "PopPublicKey",
    "Tenant",
    "UserFlow",
];

/// `ManagedIdentity` of `AcquireTokenOptions`.
pub const MANAGED_IDENTITY: &[&str] = &["UserAssignedClientId"];

/// `TokenValidationParameters` of a protected API.
pub const TOKEN_VALIDATION_PARAMETERS: &[&str] =
    &["ValidAlgorithms", "ValidAudience", "ValidAudiences", "ValidIssuer", "ValidIssuers", "ValidateIssuer"];

/// The section `TokenCache`: which store instances share, and how.
pub const TOKEN_CACHE: &[&str] = &[
    "CertificateAuthority",
    "ConnectionString",
    "ContainerId",
    "CreateIfNotExists",
    "DatabaseId",
    "Encryption",
    "EncryptionKeys",
    "ExpiredItemsDeletionInterval",
    "InstanceName",
    "Kind",
    "Lease",
    "SchemaName",
    "SizeLimit",
    "TableName",
    "Timeout",
];

/// Those keys of `TokenCache` that only some kinds of store have a use for, with these kinds.
pub const TOKEN_CACHE_OF_KINDS: &[(&str, &[&str])] = &[
    ("CertificateAuthority", &["Redis", "PostgreSql", "MySql", "SqlServer"]),
    ("ContainerId", &["CosmosDb"]),
    ("CreateIfNotExists", &["Sqlite", "PostgreSql", "MySql", "SqlServer", "CosmosDb"]),
    ("DatabaseId", &["CosmosDb"]),
    ("ExpiredItemsDeletionInterval", &["Sqlite", "PostgreSql", "MySql"]),
    ("InstanceName", &["Redis"]),
    ("SchemaName", &["PostgreSql", "MySql", "SqlServer"]),
    ("TableName", &["Sqlite", "PostgreSql", "MySql", "SqlServer"]),
];

/// The section `PostgresCache`, beside an entry of that name in `ConnectionStrings`.
pub const POSTGRES_CACHE: &[&str] = &[
    "CreateIfNotExists",
    "DefaultSlidingExpiration",
    "ExpiredItemsDeletionInterval",
    "SchemaName",
    "TableName",
    "UseWAL",
];
