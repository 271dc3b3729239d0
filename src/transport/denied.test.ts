import { expect, test } from 'vitest';
import { granteeInText } from './denied.js';

test('a right that MySQL denies is missing to the user of the tablets, one that a table ACL denies to the caller', () => {
  const mysql = "UPDATE command denied to user 'vt_app'@'localhost' for table 'streams' (errno 1142) (sqlstate 42000)";
  expect(granteeInText(mysql)).toBe("'vt_app'@'localhost': in MySQL, as whom the tablets connect");
  expect(granteeInText("Access denied for user 'vt_app'@'localhost' to database 'vt_vstream' (errno 1044)")).toMatch(
    /^'vt_app'@'localhost'/,
  );
  const acl = "Select command denied to user 'reader', in groups [], for table 'streams' (ACL check error)";
  expect(granteeInText(acl)).toBe('the user of `auth`, in the table ACL of the tablets');
});
