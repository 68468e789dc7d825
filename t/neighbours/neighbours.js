// What the njs modules run in neighbours.t.

function variable(r) {
    return `js of ${r.uri}`;
}

function streamed(s) {
    return 'js of a stream';
}

function content(r) {
    if (r.uri.includes('absent')) {
        r.return(404);
        return;
    }
    r.headersOut['X-JS'] = 'content';
    r.headersOut['Access-Control-Allow-Origin'] = '*';
    r.return(200, `js ${r.method}\n`);
}

function header(r) {
    r.headersOut['X-JS'] = 'header';
    delete r.headersOut['Content-Length'];
}

function body(r, data, flags) {
    r.sendBuffer(String(data).toUpperCase(), flags);
}

export default {variable, streamed, content, header, body};
