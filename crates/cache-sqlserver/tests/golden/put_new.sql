MERGE INTO [dbo].[TokenCache] WITH (HOLDLOCK) AS kept
USING (SELECT CAST(@P1 AS binary(32)) AS [key]) AS given ON kept.[key] = given.[key]
WHEN MATCHED AND kept.[expires_at] <= DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) THEN UPDATE SET [value] = @P2, [expires_at] = @P3
WHEN NOT MATCHED THEN INSERT ([key], [value], [expires_at]) VALUES (given.[key], @P2, @P3)
OUTPUT CAST(1 AS bit) AS [was_kept];