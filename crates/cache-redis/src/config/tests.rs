//! Connection strings as they are pasted, and as they are mistyped.

use super::*;

fn read(text: &str) -> Config {
    Config::parse(text).unwrap()
}

fn refused(text: &str) -> String {
    let error = Config::parse(text).unwrap_err();
    let told = format!("{error:#}");
    for secret in ["s3cret", "%G&", "c3"] {
        assert!(!told.contains(secret), "{told}");
    }
    told
}

fn endpoints(config: &Config) -> Vec<String> {
    config.endpoints.iter().map(ToString::to_string).collect()
}

#[test]
fn azure_s_string_as_it_is_pasted() {
    let config =
        read("contoso.redis.cache.windows.net:6380,password=s3cret?%G&=,ssl=True,abortConnect=False");
    assert_eq!(endpoints(&config), ["contoso.redis.cache.windows.net:6380"]);
    assert_eq!(config.password.as_ref().unwrap().expose(), "s3cret?%G&=");
    assert!(config.tls.is_some() && config.user.is_none() && config.service.is_none());
    assert_eq!(config.name(), "redis contoso.redis.cache.windows.net:6380");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn ports_follow_tls_and_sentinels() {
    for (text, expected) in [
        ("localhost", "localhost:6379"),
        (" localhost , ssl = yes ", "localhost:6380"),
        ("localhost,SSL=0", "localhost:6379"),
        ("localhost,serviceName=mymaster", "localhost:26379"),
        ("10.0.0.1:7000", "10.0.0.1:7000"),
        ("[::1]:7000", "[::1]:7000"),
        ("::1", "[::1]:6379"),
        ("redis://localhost", "localhost:6379"),
        ("rediss://[::1]:7000/2?protocol=resp3", "[::1]:7000"),
    ] {
        assert_eq!(endpoints(&read(text)), [expected], "{text}");
    }
    assert_eq!(endpoints(&read("a,b:1,a,,b:1")), ["a:6379", "b:1"]);
    assert_eq!(read("a,b,serviceName=m").name(), "redis sentinel a:26379,b:26379 for m");
}

#[test]
fn azure_speaks_tls_where_nothing_is_said() {
    for (text, is_tls) in [
        ("contoso.redis.cache.windows.net:6380", true),
        ("contoso.REDIS.cache.windows.net:6380,ssl=false", false),
        ("contoso.redis.cache.windows.net:6379", false),
        ("contoso.westeurope.redis.azure.net:10000", true),
        ("contoso.example:6380", false),
    ] {
        assert_eq!(read(text).tls.is_some(), is_tls, "{text}");
    }
}

#[test]
fn every_key_without_regard_to_case() {
    let config = read(
        "h,USER=app,password=p,DefaultDatabase=3,Name=web,ssl=true,sslHost=cache.example,\
         sslProtocols=Tls12|tls13,connectTimeout=1500,syncTimeout=900,asyncTimeout=700,\
         allowAdmin=true,channelPrefix=x,keepAlive=20,connectRetry=3,tiebreaker=,proxy=None,\
         resolveDns=0,version=6.0,configChannel=,writeBuffer=1,setlib=false,protocol=resp3,\
         configCheckSeconds=60,highIntegrity=false,checkCertificateRevocation=false,tunnel=,$SUBSCRIBE=",
    );
    assert_eq!((config.user.as_ref().map(Secret::expose), config.database), (Some("app"), 3));
    assert_eq!(config.client_name.as_deref(), Some("web"));
    let tls = config.tls.unwrap();
    assert_eq!((tls.host.as_deref(), tls.versions), (Some("cache.example"), TlsVersions::Both));
    assert_eq!(config.connect_timeout, Duration::from_millis(1_500));
    assert_eq!((config.timeout, config.keep_alive), (Duration::from_millis(700), Duration::from_secs(20)));
    assert_eq!(read("h,keepAlive=-1").keep_alive, KEEP_ALIVE);
    assert_eq!(read("h,syncTimeout=900").timeout, Duration::from_millis(900));
    assert_eq!(read("h,defaultDatabase=-1").database, 0);
    assert_eq!(read("h,ssl=1,sslProtocols=tls13").tls.unwrap().versions, TlsVersions::Only13);
}

#[test]
fn a_url_is_decoded() {
    let config = read("rediss://app%40contoso:s3cret%3F%25G%26%3D@cache.example:6380/5");
    assert_eq!(config.user.as_ref().map(Secret::expose), Some("app@contoso"));
    assert_eq!(config.password.unwrap().expose(), "s3cret?%G&=");
    assert_eq!((config.database, config.tls.is_some()), (5, true));
    // A password that looks like a URL does not make one of the whole.
    assert_eq!(read("h,password=redis://x").password.unwrap().expose(), "redis://x");
}

#[test]
fn what_is_not_understood_is_named_without_its_value() {
    for (text, named) in [
        ("h,passwort=s3cret", "passwort of the connection string is not known"),
        ("h,ssl=s3cret", "ssl of the connection string must be true or false"),
        ("h,asyncTimeout=0", "asynctimeout of the connection string must be a number of milliseconds"),
        (
            "h,ssl=1,checkCertificateRevocation=True",
            "checkcertificaterevocation of the connection string asks for",
        ),
        ("h,tunnel=http:s3cret:80", "tunnel of the connection string asks for a proxy"),
        ("h,sslProtocols=tls11", "sslprotocols of the connection string allows only versions before"),
        ("h,$SET=s3cret", "$set of the connection string renames a command"),
        // The rest of a password with a comma in it: told by its place.
        ("h,password=a,s3cret", "part 3 of the connection string is neither"),
        ("h,password=a,c3=d", "part 3 of the connection string is not known"),
        ("h,/var/run/s3cret.sock", "part 2 of the connection string is neither"),
        ("h:0", "part 1 of the connection string is neither"),
        ("password=s3cret", "names no server"),
        ("", "names no server"),
        ("redis://", "cannot be read"),
        ("http://u:s3cret@h", "not one of Redis"),
        ("redis://h/s3cret", "must be the number of a database"),
        ("redis://h?tls=s3cret", "tls of the URL is not known"),
        ("rediss://h#insecure", "must end before its #"),
    ] {
        let told = refused(text);
        assert!(told.contains(named), "{text}: {told}");
    }
    assert_eq!(Config::parse("h,foo=1,bar=2").unwrap_err().faults().len(), 2);
}

#[test]
fn a_cluster_redirects() {
    let asked = Endpoint { host: "cache.example".to_owned(), port: 6379 };
    let to = |text| Endpoint::redirected(text, &asked).map(|endpoint| endpoint.to_string());
    assert_eq!(to("10.0.0.2:7001").as_deref(), Some("10.0.0.2:7001"));
    assert_eq!(to(":7001").as_deref(), Some("cache.example:7001"));
    assert_eq!(to("fe80::1:7001").as_deref(), Some("[fe80::1]:7001"));
    assert_eq!(to("nowhere"), None);
}
