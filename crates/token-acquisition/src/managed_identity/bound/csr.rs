//! The request for a certificate (PKCS#10, RFC 2986): whose it is to be, for which key, of which
//! machine, signed with the key.

use std::str::FromStr;

use entra_abstractions::Misconfigured;
use rustls::pki_types::alg_id::RSA_PSS_SHA256;
use x509_cert::{
    attr::Attribute,
    der::{
        Decode, Encode,
        asn1::{Any, BitString, ObjectIdentifier, SetOfVec, Utf8StringRef},
    },
    name::Name,
    request::{CertReq, CertReqInfo, Version},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

use super::{answer::PlatformMetadata, key::Key};

/// Says which machine asks, as JSON: a name of Microsoft's.
const MACHINE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.90.2.10");

/// The request as DER.
pub(super) fn request(metadata: &PlatformMetadata, key: &Key) -> Result<Vec<u8>, Misconfigured> {
    let public_key = key.public_key()?;
    let info = info(metadata, &public_key).map_err(unwritable)?;
    let signature = key.sign(&info.to_der().map_err(unwritable)?)?;
    signed(info, &signature).map_err(unwritable)
}

fn info(metadata: &PlatformMetadata, public_key: &[u8]) -> x509_cert::der::Result<CertReqInfo> {
    // Both are GUIDs, so nothing in them could be read as another part of the name.
    let subject = format!("CN={},DC={}", metadata.client.as_str(), metadata.tenant.as_str());
    let machine = Any::encode_from(&Utf8StringRef::new(&metadata.machine)?)?;
    let attribute = Attribute { oid: MACHINE, values: SetOfVec::try_from([machine])? };
    Ok(CertReqInfo {
        version: Version::V1,
        subject: Name::from_str(&subject)?,
        public_key: SubjectPublicKeyInfoOwned::from_der(public_key)?,
        attributes: SetOfVec::try_from([attribute])?,
    })
}

fn signed(info: CertReqInfo, signature: &[u8]) -> x509_cert::der::Result<Vec<u8>> {
    let identifier = RSA_PSS_SHA256.as_ref();
    // What rustls has is the inside of a sequence that is shorter than 128 bytes.
    let length = u8::try_from(identifier.len()).unwrap_or_default();
    let algorithm = AlgorithmIdentifierOwned::from_der(&[&[0x30, length], identifier].concat())?;
    CertReq { info, algorithm, signature: BitString::from_bytes(signature)? }.to_der()
}

fn unwritable(error: x509_cert::der::Error) -> Misconfigured {
    Misconfigured::new("no certificate can be asked for with this key").with_source(error)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use entra_abstractions::{ClientId, TenantId};
    use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

    use super::{super::key::BindingKey, *};

    #[test]
    fn it_names_identity_tenant_and_machine_and_its_key_signs_it() {
        let metadata = PlatformMetadata {
            client: ClientId::new("66666666-6666-4666-8666-666666666666").unwrap(),
            tenant: TenantId::new("55555555-5555-4555-8555-555555555555").unwrap(),
            machine: r#"{"vmId":"vm"}"#.to_owned(),
            attestation: None,
        };
        let key = BindingKey::InMemory.next().unwrap();
        let der = request(&metadata, &key).unwrap();
        let (rest, read) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let info = &read.certification_request_info;
        // The common name first when it is written, which is last in the encoding (RFC 4514 section 2.1).
        let expected = "DC=55555555-5555-4555-8555-555555555555, CN=66666666-6666-4666-8666-666666666666";
        assert_eq!(info.subject.to_string(), expected);
        let attribute = info.attributes().first().unwrap();
        assert_eq!(attribute.oid.to_id_string(), "1.3.6.1.4.1.311.90.2.10");
        // A set of one text in UTF-8.
        let encoded = b"\x31\x0f\x0c\x0d{\"vmId\":\"vm\"}";
        assert!(info.raw.windows(encoded.len()).any(|part| part == encoded));
        assert_eq!(read.signature_algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.10");
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key().unwrap())
            .verify(info.raw, &read.signature_value.data)
            .unwrap();
    }
}
