using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Demo.Shop;

/// <summary>Runs the shop's tools. A refusal is a tool error that the model can read, as MCP wants it.</summary>
internal sealed class ShopTools(ShopLedger ledger)
{
    /// <summary>Runs one tool; null when there is none of this name.</summary>
    public JsonObject? Call(string name, JsonElement? arguments)
    {
        try
        {
            return name switch
            {
                "list_orders" => ListOrders(new ToolArguments(arguments, "customer")),
                "get_order" => GetOrder(new ToolArguments(arguments, "order")),
                "get_customer" => GetCustomer(new ToolArguments(arguments, "customer")),
                "refund" => Refund(new ToolArguments(arguments, "order", "amount", "reason")),
                "delete_customer" => DeleteCustomer(new ToolArguments(arguments, "customer")),
                "export_customers" => ExportCustomers(new ToolArguments(arguments)),
                _ => null,
            };
        }
        catch (ToolArgumentException e)
        {
            return Error(e.Message);
        }
    }

    private JsonObject ListOrders(ToolArguments arguments)
    {
        var customer = arguments.OptionalText("customer");
        var orders = ledger.Orders.Values.Where(order => customer is null || order.Customer == customer).OrderByDescending(order => order.Number);
        return Success(new JsonObject { ["orders"] = new JsonArray([.. orders.Select(Document)]) });
    }

    private JsonObject GetOrder(ToolArguments arguments)
    {
        var number = arguments.Whole("order");
        return ledger.Orders.TryGetValue(number, out var order) ? Success(Document(order)) : Error($"order {number} does not exist");
    }

    private JsonObject GetCustomer(ToolArguments arguments)
    {
        var id = arguments.Text("customer");
        return ledger.Customers.TryGetValue(id, out var customer) ? Success(Document(customer)) : Error($"customer {id} does not exist");
    }

    private JsonObject Refund(ToolArguments arguments)
    {
        var number = arguments.Whole("order");
        var (refund, problem) = ledger.Refund(number, arguments.Money("amount"), arguments.Text("reason"));
        if (refund is null) return Error(problem!);
        return Success(new JsonObject
        {
            ["refund"] = refund.Id,
            ["order"] = refund.Order,
            ["amount"] = refund.Amount,
            ["left"] = ledger.Orders[number].Total - ledger.RefundedOn(number),
        });
    }

    private JsonObject DeleteCustomer(ToolArguments arguments)
    {
        var id = arguments.Text("customer");
        return ledger.Delete(id) ? Success(new JsonObject { ["deleted"] = id }) : Error($"customer {id} does not exist");
    }

    private JsonObject ExportCustomers(ToolArguments _) =>
        Success(new JsonObject { ["customers"] = new JsonArray([.. ledger.Customers.Values.Select(Document)]) });

    private JsonObject Document(Order order) => new()
    {
        ["number"] = order.Number,
        ["customer"] = order.Customer,
        ["placed"] = order.Placed.ToString("yyyy-MM-dd"),
        ["status"] = order.Status,
        ["total"] = order.Total,
        ["refunded"] = ledger.RefundedOn(order.Number),
        ["lines"] = new JsonArray([.. order.Lines.Select(line => new JsonObject { ["item"] = line.Item, ["quantity"] = line.Quantity, ["price"] = line.Price })]),
    };

    private static JsonObject Document(Customer customer) => new()
    {
        ["id"] = customer.Id,
        ["name"] = customer.Name,
        ["email"] = customer.Email,
        ["phone"] = customer.Phone,
        ["card"] = customer.Card,
        ["city"] = customer.City,
        ["since"] = customer.Since.ToString("yyyy-MM-dd"),
        ["note"] = customer.Note,
    };

    // The text twin repeats the structured content for clients that read text only (MCP 2025-06-18, structured content).
    private static JsonObject Success(JsonObject content) => new()
    {
        ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = content.ToJsonString(ShopJson.Compact) }),
        ["structuredContent"] = content,
        ["isError"] = false,
    };

    private static JsonObject Error(string message) => new()
    {
        ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = message }),
        ["isError"] = true,
    };
}
