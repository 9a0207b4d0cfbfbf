using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Mcp;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Benchmarks.Steps;

/// <summary>Policies and messages of the sizes that are measured.</summary>
internal static class Samples
{
    /// <summary>The connection of all of them.</summary>
    public static readonly Connection Connection = new("bench", "mcp", "http://127.0.0.1/mcp", []);

    /// <summary>Who asks.</summary>
    public static readonly Identity Alice = new() { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "demo-agent", Groups = ["support"] };

    /// <summary>The same person in 1,000 groups: <c>support</c> and those called so with a number; rules name <c>team-0</c> to <c>team-96</c>.</summary>
    public static Identity InGroups(string named) => new()
    {
        Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "demo-agent",
        Groups = [.. Enumerable.Range(0, 999).Select(index => string.Create(CultureInfo.InvariantCulture, $"{named}-{index}")), "support"],
    };

    /// <summary>A call of <c>echo</c> with about this many bytes of argument.</summary>
    public static byte[] Call(int bytes) => Encoding.UTF8.GetBytes(
        $$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"size":{{bytes}},"text":"{{Words(bytes)}}"}""" + "}}");

    /// <summary>A reply with about this many bytes of text.</summary>
    public static byte[] Reply(int bytes) => Encoding.UTF8.GetBytes(
        $$"""{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{{Words(bytes)}}"}]""" + "}}");

    /// <summary>The policy text: this many rules of which one permits <c>echo</c>, and masks over every reply.</summary>
    public static string Policy(int rules)
    {
        var text = new StringBuilder("version: 1\nrules:\n");
        for (var index = 0; index < rules - 1; index++)
        {
            // Tools, groups and conditions of many teams, as a policy that grew has them.
            var effect = (index % 10) switch { 0 => "deny", 1 => "hold", _ => "allow" };
            text.Append(CultureInfo.InvariantCulture, $"  - id: rule-{index}\n    who:  {{ groups: [team-{index % 97}] }}\n    on:   {{ connection: bench, tools: [tool-{index}, \"area-{index}-*\"] }}\n");
            if (index % 3 == 0) text.Append("    when: args.amount <= 500\n");
            text.Append(CultureInfo.InvariantCulture, $"    then: {effect}\n");
            if (effect == "hold") text.Append("    hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }\n");
        }
        return text.Append("""
              - id: support-echoes
                who:  { groups: [support] }
                on:   { connection: bench, tools: [echo] }
                when: args.size <= 1000000
                then: allow

            masks:
              - id: personal-data
                on:     { connection: bench }
                fields: ["$..email", "$..card"]
                detect: [credit-card, email, api-key]
                as: redact
            """).ToString();
    }

    /// <summary>The same, compiled.</summary>
    public static PolicySet Compile(int rules)
    {
        var environment = new PolicyEnvironment
        {
            Vocabularies = [new McpProtocol().Vocabulary],
            Connections = [Connection],
            Issuers = ["demo"],
            HashKey = SHA256.HashData("bench"u8),
        };
        var loaded = PolicyLoader.Load([new PolicyFile("bench.yaml", Policy(rules))], environment, 1);
        return loaded.Set ?? throw new InvalidOperationException(string.Join("; ", loaded.Problems));
    }

    /// <summary>The operation of a call, read as the endpoint reads it.</summary>
    public static Operation Read(byte[] body)
    {
        var message = JsonRpcReader.Read(body);
        return McpOperations.TryRead(new McpOrigin(Connection, null, "bench"), McpEra.Sessions, message, body, default, DateTimeOffset.UnixEpoch, out var operation, out var fault)
            ? operation
            : throw new InvalidOperationException(fault.Message);
    }

    /// <summary>Plain words, of exactly this many bytes, without anything that a detector knows.</summary>
    public static string Words(int bytes)
    {
        const string sentence = "the quick brown fox jumps over the lazy dog and goes home before it rains, ";
        var text = new StringBuilder(bytes + sentence.Length);
        while (text.Length < bytes) text.Append(sentence);
        return text.ToString(0, bytes);
    }
}
