using Npgsql;

namespace Postern.Conformance.Postgres.Facts;

/// <summary>What the server says to a statement and the rights that are said to suffice for it.</summary>
/// <param name="Verdict"><c>invalid</c>: not even the superuser may run it as it stands. <c>narrower</c>: the rights do not suffice. <c>enough</c>.</param>
/// <param name="Detail">The server's own words.</param>
/// <param name="Superfluous">Rights without which the server makes its plan all the same.</param>
/// <param name="Named">Relations and columns (<c>schema.relation</c>, <c>schema.relation.column</c>) that the statement names, as the catalogue keeps them; null when it keeps no statement of this kind.</param>
internal sealed record RightsVerdict(string Verdict, string Detail, string[] Superfluous, string[]? Named);

/// <summary>
/// The server itself tells what a statement reads and writes: a role that has exactly the rights which the facts stand for asks for the plan, and PostgreSQL checks
/// every column of every relation, and every function, before it makes one. Then each right is taken away in turn: what is not missed was not needed, or stood in
/// a part of the statement that the planner threw away. Those two are told apart by what the catalogue notes (pg_depend) when the statement becomes the action of a rule.
/// Nothing is executed, and all of it is rolled back.
/// </summary>
internal sealed class RightsOracle : IAsyncDisposable
{
    private const string Script = """
        CREATE ROLE probe NOLOGIN;
        GRANT USAGE ON SCHEMA public, sales, hr TO probe;
        CREATE SCHEMA oracle;
        GRANT USAGE ON SCHEMA oracle TO PUBLIC;
        CREATE FUNCTION oracle.plans(statement text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE ignored text;
        BEGIN
          SET LOCAL ROLE probe;
          EXECUTE 'EXPLAIN (VERBOSE, FORMAT JSON) ' || statement INTO ignored;
          RESET ROLE;
          RETURN NULL;
        EXCEPTION WHEN insufficient_privilege THEN
          RETURN SQLERRM;
        END $$;
        CREATE TABLE oracle.anvil (i int);
        CREATE FUNCTION oracle.named(statement text) RETURNS text[] LANGUAGE plpgsql AS $$
        DECLARE found text[];
        BEGIN
          EXECUTE 'CREATE RULE hammer AS ON INSERT TO oracle.anvil DO INSTEAD ' || statement;
          SELECT array_agg(n.nspname || '.' || c.relname || coalesce('.' || a.attname, '')) INTO found
            FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND w.rulename = 'hammer' JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
            JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0;
          RETURN coalesce(found, '{}');
        EXCEPTION WHEN OTHERS THEN
          RETURN NULL;
        END $$;
        CREATE FUNCTION oracle.judge(statement text, rights text[]) RETURNS TABLE (verdict text, detail text, superfluous text[], named text[]) LANGUAGE plpgsql AS $$
        DECLARE ignored text; said text; one text;
        BEGIN
          BEGIN
            EXECUTE 'EXPLAIN (VERBOSE, FORMAT JSON) ' || statement INTO ignored;
          EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT 'invalid', SQLERRM, '{}'::text[], NULL::text[]; RETURN;
          END;
          FOREACH one IN ARRAY rights LOOP EXECUTE 'GRANT ' || one || ' TO probe'; END LOOP;
          said := oracle.plans(statement);
          IF said IS NOT NULL THEN RETURN QUERY SELECT 'narrower', said, '{}'::text[], NULL::text[]; RETURN; END IF;
          superfluous := '{}';
          FOREACH one IN ARRAY rights LOOP
            EXECUTE 'REVOKE ' || one || ' FROM probe';
            IF oracle.plans(statement) IS NULL THEN superfluous := superfluous || one; END IF;
            EXECUTE 'GRANT ' || one || ' TO probe';
          END LOOP;
          RETURN QUERY SELECT 'enough', '', superfluous, CASE WHEN cardinality(superfluous) > 0 THEN oracle.named(statement) END;
        END $$;
        """;

    private readonly NpgsqlConnection _connection;

    private RightsOracle(NpgsqlConnection connection) => _connection = connection;

    /// <summary>Makes the database of the generated statements, and the oracle in it.</summary>
    public static async Task<RightsOracle> StartAsync(Cluster cluster, string database, CancellationToken cancellationToken)
    {
        await cluster.CreateDatabaseAsync(database, OracleSchema.Script + Script, cancellationToken);
        var connection = new NpgsqlConnection(cluster.Direct(database));
        await connection.OpenAsync(cancellationToken);
        return new RightsOracle(connection);
    }

    /// <summary>Asks the server.</summary>
    /// <param name="statement">One statement.</param>
    /// <param name="rights">What stands between <c>GRANT</c> and <c>TO</c>.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    public async Task<RightsVerdict> JudgeAsync(string statement, string[] rights, CancellationToken cancellationToken)
    {
        await using var transaction = await _connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT verdict, detail, superfluous, named FROM oracle.judge($1, $2)", _connection, transaction);
        command.Parameters.AddWithValue(statement);
        command.Parameters.AddWithValue(rights);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        await rows.ReadAsync(cancellationToken);
        return new RightsVerdict(rows.GetString(0), rows.GetString(1), rows.GetFieldValue<string[]>(2), rows.IsDBNull(3) ? null : rows.GetFieldValue<string[]>(3));
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
