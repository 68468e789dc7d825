const origins = {
    'https://app.example.com': true,
    'https://admin.example.com': true,
};

function headers(r) {
    const origin = r.headersIn.Origin;
    const out = r.headersOut;
    out['Vary'] = 'Origin';
    if (!origin || !origins[origin]) {
        return;
    }
    out['Access-Control-Allow-Origin'] = origin;
    out['Access-Control-Allow-Credentials'] = 'true';
    if (r.method === 'OPTIONS') {
        out['Access-Control-Allow-Methods'] = 'GET, PUT';
        out['Access-Control-Allow-Headers'] = 'Content-Type';
    } else {
        out['Access-Control-Expose-Headers'] = 'ETag';
    }
}

export default { headers };
