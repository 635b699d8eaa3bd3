//! Values of the domain as automerge keeps them, and back.

use automerge::{ScalarValue, ScalarValueRef};

use crate::{ids::RecordId, time::Millis, value::Value};

/// The scalar that stands for a value; `None` for [`Value::Other`], which only a newer version can
/// write.
pub(super) fn to_scalar(value: &Value) -> Option<ScalarValue> {
    Some(match value {
        Value::Null => ScalarValue::Null,
        Value::Text(text) => ScalarValue::Str(text.as_str().into()),
        Value::Integer(number) => ScalarValue::Int(*number),
        Value::Bool(chosen) => ScalarValue::Boolean(*chosen),
        Value::Instant(at) => ScalarValue::Timestamp(at.0),
        Value::Ref(record) => ScalarValue::Bytes(record.0.to_vec()),
        Value::Other(_) => return None,
    })
}

/// The value that a scalar stands for.
pub(super) fn from_scalar(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Null => Value::Null,
        ScalarValue::Str(text) => Value::Text(text.to_string()),
        ScalarValue::Int(number) => Value::Integer(*number),
        ScalarValue::Boolean(chosen) => Value::Bool(*chosen),
        ScalarValue::Timestamp(at) => Value::Instant(Millis(*at)),
        ScalarValue::Bytes(bytes) => from_bytes(bytes),
        ScalarValue::Uint(number) => Value::Other(number.to_string()),
        ScalarValue::F64(number) => Value::Other(number.to_string()),
        ScalarValue::Counter(counter) => Value::Other(i64::from(counter).to_string()),
        ScalarValue::Unknown { type_code, bytes } => unknown(*type_code, bytes),
    }
}

/// The same for a scalar that automerge lends.
pub(super) fn from_scalar_ref(scalar: &ScalarValueRef<'_>) -> Value {
    match scalar {
        ScalarValueRef::Null => Value::Null,
        ScalarValueRef::Str(text) => Value::Text(text.clone().into_owned()),
        ScalarValueRef::Int(number) => Value::Integer(*number),
        ScalarValueRef::Boolean(chosen) => Value::Bool(*chosen),
        ScalarValueRef::Timestamp(at) => Value::Instant(Millis(*at)),
        ScalarValueRef::Bytes(bytes) => from_bytes(bytes),
        ScalarValueRef::Uint(number) => Value::Other(number.to_string()),
        ScalarValueRef::F64(number) => Value::Other(number.to_string()),
        ScalarValueRef::Counter(counter) => Value::Other(counter.to_string()),
        ScalarValueRef::Unknown { type_code, bytes } => unknown(*type_code, bytes),
    }
}

fn from_bytes(bytes: &[u8]) -> Value {
    RecordId::from_slice(bytes).map_or_else(|| Value::Other(hex(bytes)), Value::Ref)
}

fn unknown(type_code: u8, bytes: &[u8]) -> Value {
    Value::Other(format!("{type_code}:{}", hex(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
