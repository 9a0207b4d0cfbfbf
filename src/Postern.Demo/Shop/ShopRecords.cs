namespace Postern.Demo.Shop;

/// <summary>Someone who buys. The payment cards are the card networks' published test numbers: they pass the Luhn check and belong to nobody.</summary>
internal sealed record Customer(string Id, string Name, string Email, string Phone, string Card, string City, DateOnly Since, string Note);

/// <summary>What was bought. Money is in euro.</summary>
internal sealed record Order(int Number, string Customer, DateOnly Placed, string Status, decimal Total, IReadOnlyList<OrderLine> Lines);

/// <summary>One line of an order; the price is for one piece.</summary>
internal sealed record OrderLine(string Item, int Quantity, decimal Price);

/// <summary>Money given back.</summary>
internal sealed record Refund(string Id, int Order, decimal Amount, string Reason);
