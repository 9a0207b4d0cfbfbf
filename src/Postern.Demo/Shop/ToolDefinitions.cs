using System.Text.Json.Nodes;

namespace Postern.Demo.Shop;

/// <summary>The shop's tools as it declares them to clients: schemas for what goes in and what comes out, and annotations (hints, no more).</summary>
internal static class ToolDefinitions
{
    private const string OrderSchema =
        """
        {"type":"object","required":["number","customer","placed","status","total","refunded","lines"],"properties":{
          "number":{"type":"integer"},"customer":{"type":"string"},"placed":{"type":"string","format":"date"},
          "status":{"type":"string","enum":["paid","packed","shipped","delivered","returned"]},
          "total":{"type":"number"},"refunded":{"type":"number"},
          "lines":{"type":"array","items":{"type":"object","required":["item","quantity","price"],"properties":{
            "item":{"type":"string"},"quantity":{"type":"integer"},"price":{"type":"number"}}}}}}
        """;

    private const string CustomerSchema =
        """
        {"type":"object","required":["id","name","email","phone","card","city","since","note"],"properties":{
          "id":{"type":"string"},"name":{"type":"string"},
          "email":{"type":"string","format":"email"},
          "phone":{"type":"string"},
          "card":{"type":"string","pattern":"^[0-9 ]{13,23}$","description":"payment card on file"},
          "city":{"type":"string"},"since":{"type":"string","format":"date"},"note":{"type":"string"}}}
        """;

    private const string NumberArgument = """{"type":"integer","minimum":1,"description":"order number"}""";
    private const string CustomerArgument = """{"type":"string","pattern":"^C-[0-9]+$","description":"customer id, for example C-101"}""";

    /// <summary>One document per tool, in the order in which they are listed.</summary>
    public static readonly IReadOnlyList<JsonObject> All =
    [
        Tool("list_orders", "List orders", "Lists orders, newest first; those of one customer when given.",
            $$$"""{"customer":{{{CustomerArgument}}}}""", [],
            $$$$"""{"type":"object","required":["orders"],"properties":{"orders":{"type":"array","items":{{{{OrderSchema}}}}}}}""", readOnly: true, destructive: false, idempotent: true),
        Tool("get_order", "Show an order", "Shows one order with its lines.",
            $$$"""{"order":{{{NumberArgument}}}}""", ["order"], OrderSchema, readOnly: true, destructive: false, idempotent: true),
        Tool("get_customer", "Show a customer", "Shows one customer with contact and payment details.",
            $$$"""{"customer":{{{CustomerArgument}}}}""", ["customer"], CustomerSchema, readOnly: true, destructive: false, idempotent: true),
        Tool("refund", "Refund an order", "Gives money back on an order, in euro.",
            $$$"""{"order":{{{NumberArgument}}},"amount":{"type":"number","exclusiveMinimum":0},"reason":{"type":"string","maxLength":500}}""", ["order", "amount", "reason"],
            """{"type":"object","required":["refund","order","amount","left"],"properties":{"refund":{"type":"string"},"order":{"type":"integer"},"amount":{"type":"number"},"left":{"type":"number"}}}""",
            readOnly: false, destructive: true, idempotent: false),
        Tool("delete_customer", "Delete a customer", "Deletes a customer for good.",
            $$$"""{"customer":{{{CustomerArgument}}}}""", ["customer"],
            """{"type":"object","required":["deleted"],"properties":{"deleted":{"type":"string"}}}""", readOnly: false, destructive: true, idempotent: true),
        Tool("export_customers", "Export customers", "Exports every customer with contact and payment details.",
            "{}", [],
            $$$$"""{"type":"object","required":["customers"],"properties":{"customers":{"type":"array","items":{{{{CustomerSchema}}}}}}}""", readOnly: true, destructive: false, idempotent: true),
    ];

    private static JsonObject Tool(string name, string title, string description, string properties, IReadOnlyList<string> required, string output, bool readOnly, bool destructive, bool idempotent) => new()
    {
        ["name"] = name,
        ["title"] = title,
        ["description"] = description,
        ["inputSchema"] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = JsonNode.Parse(properties),
            ["required"] = new JsonArray([.. required.Select(key => (JsonNode)key)]),
            ["additionalProperties"] = false,
        },
        ["outputSchema"] = JsonNode.Parse(output),
        ["annotations"] = new JsonObject
        {
            ["readOnlyHint"] = readOnly,
            ["destructiveHint"] = destructive,
            ["idempotentHint"] = idempotent,
            ["openWorldHint"] = false,
        },
    };
}
