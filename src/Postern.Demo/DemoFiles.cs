using System.Text;

namespace Postern.Demo;

/// <summary>The demo's folder: a configuration, a policy and a secret, written out so that a newcomer can read, change and serve them.</summary>
internal static class DemoFiles
{
    /// <summary>The policy that the acts play under.</summary>
    public const string Policy =
        """
        version: 1

        rules:
          - id: support-reads-shop
            who:  { groups: [support] }
            on:   { connection: shop, tools: [list_orders, "get_*"] }
            then: allow

          - id: small-refunds
            who:  { groups: [support] }
            on:   { connection: shop, tools: [refund] }
            when: args.amount > 0 && args.amount <= 500
            then: allow

          - id: large-refunds
            who:  { groups: [support] }
            on:   { connection: shop, tools: [refund] }
            when: args.amount > 500
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
            message: Refunds over 500 need the on-call person.
            alternatives: [refund up to 500 on the same order]

          - id: never-delete
            on:   { connection: shop, tools: ["delete_*"] }
            then: deny

        masks:
          - id: customer-pii
            on:     { connection: shop }
            fields: ["$..email", "$..card", "$..phone"]
            detect: [credit-card, email]
            as: redact

        tests:
          - name: support lists orders
            as:   { user: alice, groups: [support] }
            ask:  { connection: shop, tool: list_orders, args: {} }
            expect: { decision: allow, rule: support-reads-shop }
          - name: a small refund needs nobody
            as:   { user: alice, groups: [support] }
            ask:  { connection: shop, tool: refund, args: { order: 1042, amount: 100, reason: scratch } }
            expect: { decision: allow, rule: small-refunds }
          - name: a large refund waits for on-call
            as:   { user: alice, groups: [support] }
            ask:  { connection: shop, tool: refund, args: { order: 1042, amount: 900, reason: broken } }
            expect: { decision: hold, rule: large-refunds }
          - name: nobody deletes customers
            as:   { user: alice, groups: [support] }
            ask:  { connection: shop, tool: delete_customer, args: { customer: C-101 } }
            expect: { decision: deny, rule: never-delete }

        """;

    /// <summary>Makes a folder that only its owner can read, and writes everything into it.</summary>
    /// <returns>The configuration file.</returns>
    public static string Write(string folder, string gateway, string issuer, string issuerClient, string issuerSecret, string shop, string shopSecret)
    {
        Directory.CreateDirectory(Path.Combine(folder, "secrets"));
        File.WriteAllText(Path.Combine(folder, "policy.yaml"), Policy);
        WriteSecret(Path.Combine(folder, "secrets", "shop"), "Bearer " + shopSecret);
        WriteSecret(Path.Combine(folder, "secrets", "issuer"), issuerSecret);
        var configuration = Path.Combine(folder, "postern.yaml");
        File.WriteAllText(configuration,
            $"""
            # written by `postern demo`
            listen: {"{"} url: "{gateway}", management: none {"}"}
            data: data
            policy: [policy.yaml]

            issuers:
              demo:
                authority: "{issuer}"
                clientId: {issuerClient}
                clientSecretFile: secrets/issuer

            connections:
              shop:
                protocol: mcp
                url: "{shop}"
                credential: {"{"} valueFile: secrets/shop {"}"}

            """);
        return configuration;
    }

    private static void WriteSecret(string path, string secret)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new StreamWriter(path, Encoding.ASCII, options);
        file.Write(secret);
    }
}
