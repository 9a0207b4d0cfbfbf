namespace Postern.Protocols.HttpData.Forms;

/// <summary>Which form a media type has. A type that is not here cannot be read, and is blocked under a mask.</summary>
internal static class BodyForms
{
    /// <summary>The form, or null.</summary>
    public static BodyForm? Of(MediaType type)
    {
        if (type.Name is null) return null;
        if (type.IsJson) return JsonForm.Instance;
        if (type.IsForm) return PairForm.Instance;
        if (type.IsCsv) return type.Name == "text/csv" ? CsvForm.Comma : CsvForm.Tab;
        if (type.IsXml) return XmlForm.Instance;
        if (type.IsMultipart) return type.Boundary is { } boundary && MultipartForm.IsBoundary(boundary) ? new MultipartForm(boundary) : null;
        return type.IsText ? TextForm.Instance : null;
    }

    /// <summary>What a body is called once it was written again in UTF-8.</summary>
    public static string ContentTypeOf(MediaType type, string original) => type.IsMultipart ? original : type.IsForm ? type.Name : type.Name + "; charset=utf-8";
}
