//! Reads what a client sends: its login, and its calls of `sp_executesql`.

/// What a login packet holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) application: String,
    pub(crate) database: String,
    /// The token of Entra's, where one logs in with that.
    pub(crate) token: Option<String>,
}

/// A statement with its parameters.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) statement: String,
    /// As it is declared: `@P1 bigint`.
    pub(crate) declared: String,
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Debug)]
pub(crate) enum Parameter {
    Bytes(Vec<u8>),
    Number(i64),
    Text(String),
}

/// Bytes, of which the first are taken.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take(2).try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    /// A value of a type with a longest length, by two bytes, or by parts.
    fn sized(&mut self, longest: u16) -> Vec<u8> {
        if longest != 0xffff {
            let length = usize::from(self.u16());
            assert!(length <= usize::from(longest), "a value is longer than its type");
            return self.take(length).to_vec();
        }
        self.take(8);
        let mut value = Vec::new();
        loop {
            match self.u32() as usize {
                0 => return value,
                length => value.extend(self.take(length)),
            }
        }
    }

    fn parameter(&mut self) -> Parameter {
        let name = usize::from(self.u8());
        self.take(name * 2);
        assert_eq!(self.u8(), 0, "a parameter is for reading");
        match self.u8() {
            0xe7 => {
                let longest = self.u16();
                self.take(5);
                Parameter::Text(text(&self.sized(longest)))
            }
            0xa5 => {
                let longest = self.u16();
                Parameter::Bytes(self.sized(longest))
            }
            0x26 => {
                let (longest, length) = (self.u8(), self.u8());
                assert_eq!(longest, length, "a number is not NULL");
                let mut bytes = [0; 8];
                bytes[..usize::from(length)].copy_from_slice(self.take(usize::from(length)));
                Parameter::Number(i64::from_le_bytes(bytes))
            }
            kind => panic!("a parameter of type {kind:#x}"),
        }
    }
}

impl Login {
    pub(crate) fn read(message: &[u8]) -> Self {
        let at = |field: usize| {
            let start = usize::from(u16::from_le_bytes([message[36 + field * 4], message[37 + field * 4]]));
            let length = usize::from(u16::from_le_bytes([message[38 + field * 4], message[39 + field * 4]]));
            (start, length)
        };
        let units = |field: usize| {
            let (start, length) = at(field);
            &message[start..start + length * 2]
        };
        // Nibbles are swapped and bits turned over, which hides a password from nobody.
        let password: Vec<u8> = units(2).iter().map(|byte| (byte ^ 0xa5).rotate_left(4)).collect();
        let has_extension = message[27] & 0x10 != 0;
        let token = has_extension.then(|| {
            let (start, length) = at(5);
            assert_eq!(length, 4, "the extension is a pointer");
            let start = u32::from_le_bytes(message[start..start + 4].try_into().unwrap()) as usize;
            token_of(Bytes(&message[start..]))
        });
        Self {
            user: text(units(1)),
            password: text(&password),
            application: text(units(3)),
            database: text(units(8)),
            token: token.flatten(),
        }
    }
}

/// Among the features that a login asks for, the token.
fn token_of(mut features: Bytes<'_>) -> Option<String> {
    loop {
        let feature = features.u8();
        if feature == 0xff {
            return None;
        }
        let length = features.u32() as usize;
        let mut body = Bytes(features.take(length));
        if feature == 0x02 {
            assert_eq!(body.u8() >> 1, 0x01, "a token of the client's own library");
            let length = body.u32() as usize;
            return Some(text(body.take(length)));
        }
    }
}

impl Call {
    pub(crate) fn read(message: &[u8]) -> Self {
        let mut bytes = Bytes(message);
        let headers = bytes.u32() as usize;
        bytes.take(headers - 4);
        assert_eq!((bytes.u16(), bytes.u16()), (0xffff, 10), "sp_executesql");
        bytes.u16();
        let (Parameter::Text(statement), Parameter::Text(declared)) = (bytes.parameter(), bytes.parameter())
        else {
            panic!("a statement and the declaration of its parameters");
        };
        let mut parameters = Vec::new();
        while !bytes.0.is_empty() {
            parameters.push(bytes.parameter());
        }
        let types = declared.split(',').filter(|it| !it.is_empty()).zip(1..);
        let types: Vec<&str> =
            types.map(|(it, number)| it.strip_prefix(&format!("@P{number} ")).unwrap()).collect();
        assert_eq!(types.len(), parameters.len(), "as many parameters as are declared");
        for (declared, parameter) in types.into_iter().zip(&parameters) {
            let is_fit = match parameter {
                Parameter::Bytes(bytes) if bytes.len() > 8_000 => declared == "varbinary(max)",
                Parameter::Bytes(_) => declared == "varbinary(8000)",
                Parameter::Number(_) => declared == "bigint",
                Parameter::Text(_) => declared == "nvarchar(4000)",
            };
            assert!(is_fit, "a parameter is of the type that is declared: {declared}");
        }
        Self { statement, declared, parameters }
    }
}

fn text(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}
