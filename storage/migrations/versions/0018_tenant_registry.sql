-- The registry over REST, and from the platform's tenant service.
--
-- When the tenant service last said what stands in the row; NULL where nobody asked it. All servers of a database share
-- it, so that one of them asks for all, and a server that starts while the service is away knows how old its facts are.
ALTER TABLE billing.tenant ADD COLUMN confirmed_at TIMESTAMP WITH TIME ZONE;

-- Operators read which tenants there are, and nothing else of them: their token's reserved tenant owns no row anywhere.
CREATE POLICY operator_reads ON billing.tenant FOR SELECT TO billing_app
    USING (nullif(current_setting('billing.tenant', true), '') = '_operators');
