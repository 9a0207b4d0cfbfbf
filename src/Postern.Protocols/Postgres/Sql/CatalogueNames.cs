namespace Postern.Protocols.Postgres.Sql;

/// <summary>How names are resolved against the snapshot: as PostgreSQL does with the session's pinned path.</summary>
internal sealed partial class Catalogue
{
    /// <summary>OIDs below this one are given by initdb, not by anybody later (<c>FirstNormalObjectId</c>).</summary>
    public const uint FirstOwnOid = 16_384;

    private const string System = "pg_catalog";

    /// <summary>Where something new without a schema is created: the first schema of the path that is not implied.</summary>
    public string CreationSchema => SearchPath.FirstOrDefault(schema => schema != System && Schemas.Contains(schema)) ?? throw new UndecidableException("the search path names no schema to create in");

    /// <summary>The relation of a name.</summary>
    /// <exception cref="UndecidableException">There is none, or it is temporary.</exception>
    public CatalogueRelation Relation(string? schema, string name) =>
        FindRelation(schema, name) ?? throw UndecidableException.Unknown("table", schema is null ? name : $"{schema}.{name}");

    public CatalogueRelation? FindRelation(string? schema, string name)
    {
        if (schema is not null)
        {
            GuardSchema(schema);
            return Relations.GetValueOrDefault((schema, name));
        }
        foreach (var candidate in SearchPath)
        {
            if (Relations.TryGetValue((candidate, name), out var relation)) return relation;
        }
        return null;
    }

    public CatalogueType Type(string? schema, string name)
    {
        if (schema is not null)
        {
            GuardSchema(schema);
            return Types.GetValueOrDefault((schema, name)) ?? throw UndecidableException.Unknown("type", $"{schema}.{name}");
        }
        foreach (var candidate in SearchPath)
        {
            if (Types.TryGetValue((candidate, name), out var type)) return type;
        }
        throw UndecidableException.Unknown("type", name);
    }

    /// <summary>Every function that a call by this name could mean: which of them it is depends on the types of the arguments.</summary>
    public IReadOnlyList<CatalogueFunction> FunctionsNamed(string? schema, string name)
    {
        if (schema is not null)
        {
            GuardSchema(schema);
            return Functions.TryGetValue((schema, name), out var exact) ? exact : throw UndecidableException.Unknown("function", $"{schema}.{name}");
        }
        List<CatalogueFunction> found = [];
        foreach (var candidate in SearchPath)
        {
            if (Functions.TryGetValue((candidate, name), out var functions)) found.AddRange(functions);
        }
        return found.Count > 0 ? found : throw UndecidableException.Unknown("function", name);
    }

    /// <summary>The functions behind an operator that are neither built in nor the harmless operators of an extension.</summary>
    public IEnumerable<CatalogueFunction> OperatorFunctions(string? schema, string name)
    {
        if (schema is not null) GuardSchema(schema);
        if (!Operators.TryGetValue(name, out var operators)) yield break;
        foreach (var found in operators)
        {
            if (schema is null ? !SearchPath.Contains(found.Schema) : found.Schema != schema) continue;
            if (!FunctionsByOid.TryGetValue(found.Function, out var function)) throw UndecidableException.Unknown("function of operator", name);
            if (!FunctionRules.IsHarmlessOfExtension(function)) yield return function;
        }
    }

    /// <summary>The functions behind casts to a type that are neither built in nor harmless.</summary>
    public IEnumerable<CatalogueFunction> CastFunctions(uint target)
    {
        if (!Casts.TryGetValue(target, out var casts)) yield break;
        foreach (var cast in casts)
        {
            if (!FunctionsByOid.TryGetValue(cast.Function, out var function)) throw UndecidableException.Unknown("function of a cast", $"{target}");
            if (!FunctionRules.IsHarmlessOfExtension(function)) yield return function;
        }
    }

    // Temporary relations belong to one session and may change under any text; they are in no snapshot.
    private static void GuardSchema(string schema)
    {
        if (schema.StartsWith("pg_temp", StringComparison.Ordinal) || schema.StartsWith("pg_toast", StringComparison.Ordinal))
            throw new UndecidableException($"what is in `{schema}` is not known to the gateway");
    }
}
