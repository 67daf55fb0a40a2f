//! WebSocket frames as a server reads and writes them, and not one check.

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;

/// Splits the first frame off and unmasks it: opcode, payload, and the length of it all. `None` if it is not all
/// there.
pub(crate) fn split(bytes: &mut [u8]) -> Option<(u8, &mut [u8], usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (mut header, length): (usize, usize) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    let mask: [u8; 4] = *bytes.get(header..)?.first_chunk()?;
    header += mask.len();
    let end = header.checked_add(length)?;
    let payload = bytes.get_mut(header..end)?;
    unmask(payload, mask);
    Some((first & 0x0f, payload, end))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    for (byte, mask) in rest.iter_mut().skip(4).zip(mask) {
        *byte ^= mask;
    }
}

/// Appends a frame whose payload is the parts one after the other.
pub(crate) fn write(opcode: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(length + 10);
    out.push(0x80 | opcode);
    match length {
        short @ 0..=125 => out.push(short as u8),
        middle @ 126..=0xffff => {
            out.push(126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}
