CREATE TABLE [dbo].[TokenCache] (
  [key] binary(32) NOT NULL PRIMARY KEY CLUSTERED,
  [value] varbinary(max) NOT NULL,
  [expires_at] bigint NOT NULL INDEX [by_expires_at]
);