// What a browser makes of CORS headers, by the Fetch standard (https://fetch.spec.whatwg.org/).
//
// A request is { origin, credentials, method, headers }: credentials is the mode, headers are the
// names in lower case of those headers that need permission. A response is { status, headers }, its
// headers an object of names as nginx writes them. A check returns why it fails, or null.

const SAFELISTED_METHODS = ['GET', 'HEAD', 'POST'];

const SAFELISTED_RESPONSE_HEADERS = ['cache-control', 'content-language', 'content-length',
    'content-type', 'expires', 'last-modified', 'pragma'];

/** Whether a preflight goes ahead of a request. */
export function needsPreflight({ method, headers }) {
    return !SAFELISTED_METHODS.includes(method) || headers.length > 0;
}

/** https://fetch.spec.whatwg.org/#concept-cors-check */
export function corsCheck(request, response) {
    const allowed = response.headers['Access-Control-Allow-Origin'];
    if (!allowed) return 'Access-Control-Allow-Origin is missing.';
    const isIncluded = request.credentials === 'include';
    if (allowed === '*') {
        return isIncluded ? 'Access-Control-Allow-Origin: * does not count for a request with credentials.' : null;
    }
    if (allowed !== request.origin) {
        return `Access-Control-Allow-Origin is ${allowed}, and the origin of the page is ${request.origin}.`;
    }
    if (isIncluded && response.headers['Access-Control-Allow-Credentials'] !== 'true') {
        return 'Access-Control-Allow-Credentials: true is missing, and the request is with credentials.';
    }
    return null;
}

/** https://fetch.spec.whatwg.org/#cors-preflight-fetch */
export function preflightCheck(request, response) {
    const failed = corsCheck(request, response);
    if (failed) return failed;
    if (response.status < 200 || response.status > 299) {
        return `The status of the answer to the preflight is ${response.status}.`;
    }
    // With credentials `*` is a name like any other.
    const isAny = (list) => request.credentials !== 'include' && list.includes('*');

    const methods = values(response.headers['Access-Control-Allow-Methods']);
    if (!SAFELISTED_METHODS.includes(request.method) && !methods.includes(request.method)
        && !isAny(methods)) {
        return `Access-Control-Allow-Methods does not have ${request.method}.`;
    }
    const names = values(response.headers['Access-Control-Allow-Headers']).map(lower);
    for (const name of request.headers) {
        if (names.includes(name)) continue;
        if (!isAny(names)) return `Access-Control-Allow-Headers does not have ${name}.`;
        if (name === 'authorization') {
            return 'Access-Control-Allow-Headers does not have authorization, which * does not stand for.';
        }
    }
    return null;
}

/** Which of the headers of a response a page can read. */
export function readable(request, response, names) {
    const exposed = values(response.headers['Access-Control-Expose-Headers']).map(lower);
    const isAny = request.credentials !== 'include' && exposed.includes('*');
    return names.filter((name) => SAFELISTED_RESPONSE_HEADERS.includes(lower(name))
        || isAny || exposed.includes(lower(name)));
}

function values(header) {
    return (header ?? '').split(',').map((value) => value.trim()).filter((value) => value !== '');
}

function lower(name) {
    return name.toLowerCase();
}
