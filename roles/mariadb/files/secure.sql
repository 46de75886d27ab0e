-- Gives the statements that close what a fresh server leaves open.
-- Accounts without a name, and root from elsewhere than this machine.
SELECT CONCAT('DROP USER ', QUOTE(User), '@', QUOTE(Host), ';') FROM mysql.global_priv
 WHERE User = '' OR (User = 'root' AND Host <> 'localhost');
-- root by the system's own user, with no password that could be guessed.
SELECT 'ALTER USER root@localhost IDENTIFIED VIA unix_socket;' FROM mysql.global_priv
 WHERE User = 'root' AND Host = 'localhost'
   AND (COALESCE(JSON_VALUE(Priv, '$.plugin'), '') <> 'unix_socket' OR COALESCE(JSON_LENGTH(Priv, '$.auth_or'), 0) > 1);
-- The database that everybody may write to.
SELECT 'DROP DATABASE test;' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'test';
SELECT CONCAT('DELETE FROM mysql.db WHERE Db = ', QUOTE(Db), ' AND User = \'\'; FLUSH PRIVILEGES;') FROM mysql.db
 WHERE Db LIKE 'test%' AND User = '';
