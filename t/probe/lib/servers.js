// Starts what descriptions of servers describe.
//
// A description is an object:
//
//   name     what it is, in words
//   app      a request listener of Node.js, such as an Express application; or
//   server   what stands in a `server` block of nginx
//   http     what this needs in nginx's `http` block
//   backend  the description of a server behind it, for which `@BACKEND@` stands in `server`
//
// A variable, zone or folder that ends in `@` gets a name of its own, since all servers share one `http` block.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

import { Nginx } from './nginx.js';

export class Servers {
    #ports = new Map();
    #blocks = [];
    #applications = [];
    #reserved = [];
    #nginx;

    /** Starts the servers of all descriptions. The options are those of `Nginx.start`, for `http` a text before all. */
    static async start(descriptions, { http: common = '', ...options } = {}) {
        for (let attempt = 1; ; attempt++) {
            const servers = new Servers();
            try {
                for (const description of descriptions) await servers.#add(description);
                await servers.#startNginx(common, options);
                return servers;
            } catch (error) {
                await servers.stop();
                // Another process may take a port between its release and nginx's bind().
                if (attempt === 5 || !`${error}`.includes('Address already in use')) throw error;
            }
        }
    }

    async #startNginx(common, options) {
        if (this.#blocks.length === 0) return;
        await this.#release();
        this.#nginx = await Nginx.start([common, ...this.#blocks].join('\n'), options);
    }

    async #add(description) {
        if (description.app) {
            this.#ports.set(description, await this.#listen(description.app));
            return;
        }
        let text = description.server;
        if (description.backend) {
            await this.#add(description.backend);
            text = text.replaceAll('@BACKEND@', this.address(description.backend));
        }
        const port = await this.#reserve();
        const own = (part) => (part ?? '').replaceAll('@', `_${port}`);
        this.#blocks.push(own(description.http), `server {\nlisten 127.0.0.1:${port};\n${own(text)}\n}`);
        this.#ports.set(description, port);
    }

    async #listen(app) {
        const server = http.createServer(app).listen(0, '127.0.0.1');
        this.#applications.push(server);
        await once(server, 'listening');
        return server.address().port;
    }

    /** A port that nobody else gets before `#release`. */
    async #reserve() {
        const server = net.createServer().listen(0, '127.0.0.1');
        this.#reserved.push(server);
        await once(server, 'listening');
        return server.address().port;
    }

    async #release() {
        await Promise.all(this.#reserved.splice(0).map((server) => once(server.close(), 'close')));
    }

    /** Address and port of a server. */
    address(description) {
        return `127.0.0.1:${this.#ports.get(description)}`;
    }

    /** The address that a server is asked at. */
    url(description) {
        return `http://${this.address(description)}${description.path ?? '/data'}`;
    }

    async stop() {
        await this.#release();
        await this.#nginx?.stop();
        for (const server of this.#applications) {
            server.close();
            server.closeAllConnections();
        }
    }
}
