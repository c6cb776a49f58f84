/** What a server answered to one request, whole. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface ToldResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Hands the response to `done` once it has ended. */
export function tellResponse(
  done: (told: ToldResponse) => void,
): (response: IncomingMessage) => void {
  return (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () =>
      done({ status: response.statusCode ?? 0, headers: response.headers, text }),
    );
  };
}
