-- The database of crosswalk and its two logins: crosswalk_owner migrates, crosswalk_gateway serves and administers. The
-- latter works as crosswalk_app, which owns nothing, so that row-level security binds it.
--
-- Run it once with psql, connected to any database as somebody who may create roles and databases, with the passwords in
-- the environment. compose.yaml has PostgreSQL run it when the data volume is new.
\set ON_ERROR_STOP on
\getenv owner_password DATABASE_OWNER_PASSWORD
\getenv gateway_password DATABASE_GATEWAY_PASSWORD

CREATE ROLE crosswalk_app NOLOGIN;
CREATE ROLE crosswalk_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE crosswalk_gateway LOGIN PASSWORD :'gateway_password';
GRANT crosswalk_app TO crosswalk_owner, crosswalk_gateway;

-- Managed servers let a superuser's stand-in give a database away only to roles that it is a member of.
GRANT crosswalk_owner TO CURRENT_USER;
CREATE DATABASE crosswalk OWNER crosswalk_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE CONNECT, TEMPORARY ON DATABASE crosswalk FROM PUBLIC;
GRANT CONNECT ON DATABASE crosswalk TO crosswalk_owner, crosswalk_gateway;
-- Lines are loaded, edited and posted by way of temporary tables.
GRANT TEMPORARY ON DATABASE crosswalk TO crosswalk_app;
