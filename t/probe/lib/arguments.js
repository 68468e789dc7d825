/** The arguments of the probe for a server: its address, the origins that it is said to allow, and its headers. */
export function argumentsFor({ origins, headers = {} }, url) {
    return [url, ...origins.flatMap((origin) => ['--origin', origin]),
        ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])];
}
