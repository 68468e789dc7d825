// Frames of HTTP/2 as bytes (RFC 9113, section 4.1), for servers that send what no library would.

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const CONTINUATION = 9;

const ACK = 1;
const END_HEADERS = 4;

function frame(type, flags, stream, payload) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
}

export const settings = frame(SETTINGS, 0, 0, Buffer.alloc(0));

export const acknowledgement = frame(SETTINGS, ACK, 0, Buffer.alloc(0));

/** A setting that means nothing, which has to be acknowledged all the same. */
export const unknownSetting = frame(SETTINGS, 0, 0, Buffer.from([0xab, 0xcd, 0, 0, 0, 1]));

export const ping = frame(PING, 0, 0, Buffer.alloc(8));

/** The end of a stream that nobody has begun. */
export const strayReset = frame(RST_STREAM, 0, 99, Buffer.alloc(4));

/** `:status: 200` of the static table of HPACK (RFC 7541, appendix A), for the first stream, and more to come. */
export const headersBegun = frame(HEADERS, 0, 1, Buffer.from([0x88]));

/** More of a header list: literal headers `a: b` without indexing. */
export const continuation = frame(CONTINUATION, 0, 1,
    Buffer.from([0x00, 0x01, 0x61, 0x01, 0x62].concat(...Array(999).fill([0x00, 0x01, 0x61, 0x01, 0x62]))));

export const emptyContinuation = frame(CONTINUATION, 0, 1, Buffer.alloc(0));

/** A response of 200, without an end. */
export const response = frame(HEADERS, END_HEADERS, 1, Buffer.from([0x88]));

export const data = frame(DATA, 0, 1, Buffer.alloc(16384));

export const emptyData = frame(DATA, 0, 1, Buffer.alloc(0));

/**
 * A header of 4,000 bytes that is put into the dynamic table, and is named 12,000 times: 48 MB of headers in 16 kB.
 */
export const compressedBomb = (() => {
    const value = Buffer.alloc(4000, 'v');
    // A literal with incremental indexing; 4000 is 127 + 3873 in seven bits and two bytes more.
    const literal = Buffer.concat([Buffer.from([0x40, 0x01, 0x61, 0x7f, 0xa1, 0x1e]), value]);
    const named = Buffer.alloc(12000, 0xbe);
    return frame(HEADERS, END_HEADERS, 1, Buffer.concat([Buffer.from([0x88]), literal, named]));
})();
