using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>One value as it was bound.</summary>
/// <param name="Type">OID of the parameter's type; 0 when it is not known.</param>
/// <param name="IsBinary">Binary instead of text format.</param>
/// <param name="IsNull">NULL; <paramref name="Content"/> is then empty.</param>
/// <param name="Content">The bytes as they came.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct BoundValue(uint Type, bool IsBinary, bool IsNull, ReadOnlyMemory<byte> Content);

/// <summary>One statement of a unit, with its values.</summary>
/// <param name="Text">The text that it stands in (UTF-8).</param>
/// <param name="Statement">What was understood of it.</param>
/// <param name="Values">What was bound; default while nobody has bound anything (a <c>Parse</c> by itself).</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct UnitStatement(ReadOnlyMemory<byte> Text, SqlStatement Statement, ImmutableArray<BoundValue> Values = default);

/// <summary>What is being asked? Statements in, operations out. Pure.</summary>
internal static class PostgresOperations
{
    /// <summary>The protocol's name in the configuration.</summary>
    public const string ProtocolName = "postgres";

    /// <summary>One operation for a whole unit: all of it is judged before any of it is forwarded.</summary>
    /// <param name="connection">The target.</param>
    /// <param name="unit">At least one statement, in the order in which they run.</param>
    /// <param name="request">What people are shown of it and the record keeps of it, masked (<see cref="UnitText"/>).</param>
    /// <param name="requestShape">How masks read it.</param>
    /// <param name="clientRun">The session's id.</param>
    /// <param name="clientName"><c>application_name</c>.</param>
    /// <param name="continues">What the caller brought when it came back.</param>
    /// <param name="now">Makes the id.</param>
    /// <param name="look">Settings of the session under which texts of values are read; an approval holds for them alone.</param>
    public static Operation Build(Connection connection, ImmutableArray<UnitStatement> unit, ReadOnlyMemory<byte> request, FrameShape requestShape, string? clientRun, string? clientName, Continuation? continues, DateTimeOffset now, string look = "") => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = UnitParts.Of(unit),
        Request = request,
        RequestShape = requestShape,
        DigestOf = new UnitDigest(unit, look).Of,
        ObjectionTo = MaskObjection.Of(unit),
        Continues = continues,
        ClientRun = clientRun,
        ClientName = clientName,
    };

    /// <summary>Opening a session: implied wherever any rule could permit something.</summary>
    public static Operation Connect(Connection connection, string? clientRun, string? clientName, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = [new Part { Action = PostgresActions.Connect, IsImplied = true }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = UnitDigest.OfConnect,
        ClientRun = clientRun,
        ClientName = clientName,
    };

    /// <summary>The gateway's own reading of the catalogue; for the identity <c>postern</c> only.</summary>
    public static Operation ReadCatalogue(Connection connection, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = [new Part { Action = PostgresActions.ReadCatalogue, IsImplied = true }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = UnitDigest.OfConnect,
    };
}
