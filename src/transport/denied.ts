/** Whom a server text says it denies something: the tablets' MySQL user, or who called VTGate. Layer 2. Pure. */

/**
 * For a next step: a denial by MySQL (`UPDATE command denied to user 'vt_app'@'localhost' for table 'streams'`) is about the user the
 * tablets connect as, whoever calls VTGate; one of a table ACL names the caller.
 */
export function granteeInText(text: string): string {
  const mysql = /denied (?:to|for) user ('[^']*'@'[^']*')/i.exec(text)?.[1];
  return mysql === undefined ? 'the user of `auth`, in the table ACL of the tablets' : `${mysql}: in MySQL, as whom the tablets connect`;
}
