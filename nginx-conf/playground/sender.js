// In a frame of the origin that was chosen: sends a request, and says what a page of this origin
// gets to see of it.

addEventListener('message', async ({ data: { id, url, options }, source }) => {
    if (source !== parent) return;
    parent.postMessage({ id, seen: await send(url, options) }, '*');
});

async function send(url, options) {
    try {
        const response = await fetch(url, { ...options, signal: AbortSignal.timeout(30000) });
        return {
            status: response.status,
            statusText: response.statusText,
            headers: [...response.headers],
            body: await response.text(),
        };
    } catch (error) {
        return { error: `${error.name}: ${error.message}` };
    }
}

parent.postMessage({ id: 'ready' }, '*');
