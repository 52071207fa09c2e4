DELETE FROM [dbo].[TokenCache]
OUTPUT CAST(CASE WHEN deleted.[expires_at] > DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) THEN 1 ELSE 0 END AS bit) AS [was_there]
WHERE [key] = CAST(@P1 AS binary(32));