/** A word as a shell reads it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
