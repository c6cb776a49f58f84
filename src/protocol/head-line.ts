/**
 * The value of the line `name: …` in a head that a dispatcher wrote, without quotes; null when
 * there is none. For keys that only one kind of file has: one look, and no parser.
 */
export function headLine(yaml: string, name: string): string | null {
  const start = `${name}: `;
  const line = yaml.split('\n').find((each) => each.startsWith(start));
  return line?.slice(start.length).replace(/^["']|["']$/g, '') ?? null;
}
