using Postern.Protocols.Postgres.Sql;

namespace Postern.Tests.Postgres.Sql;

/// <summary>Rows of the catalogue as a server gives them, and as a broken one might.</summary>
public sealed class CatalogueBuilderTests
{
    [Theory]
    [InlineData(2, "x", "public", "t", "r")]
    [InlineData(2, "1", "public", "t", "rr")]
    [InlineData(2, "1", "public", "t")]
    [InlineData(3, "1", "a", "one", "25")]
    [InlineData(3, "1", "a", "70000", "25")]
    [InlineData(4, "1", "public", "f", "f", "v", "maybe", "25", "f", "0", "0", "")]
    [InlineData(4, "1", "public", "f", "f", "v", "f", "25", "f", "-1", "0", "")]
    public void A_row_that_is_not_what_was_asked_for_is_refused(int query, params string[] values)
    {
        var builder = new CatalogueBuilder();
        builder.Add(query, values);

        Assert.Throws<FormatException>(() => builder.Build());
    }

    [Fact]
    public void A_name_that_comes_twice_is_refused()
    {
        var builder = new CatalogueBuilder();
        builder.Add(2, "1", "public", "t", "r");
        builder.Add(2, "2", "public", "t", "r");

        Assert.Throws<FormatException>(() => builder.Build());
    }

    [Fact]
    public void The_order_of_rows_says_nothing_and_every_value_does()
    {
        static Catalogue Of(params string[][] relations)
        {
            var builder = new CatalogueBuilder();
            builder.Add(0, "public");
            foreach (var relation in relations) builder.Add(2, relation);
            return builder.Build();
        }

        Assert.Equal(Of(["1", "public", "a", "r"], ["2", "public", "b", "r"]).Version, Of(["2", "public", "b", "r"], ["1", "public", "a", "r"]).Version);
        Assert.NotEqual(Of(["1", "public", "a", "r"]).Version, Of(["2", "public", "a", "r"]).Version);
        Assert.NotEqual(Of(["1", "public", "a", "r"]).Version, Of(["1", "public", "a", "v"]).Version);
        Assert.NotEqual(Of(["1", "a", "bc", "r"]).Version, Of(["1", "ab", "c", "r"]).Version);
    }

    [Fact]
    public void Ancestors_are_found_at_any_distance_and_in_circles_too()
    {
        var builder = new CatalogueBuilder();
        foreach (var oid in (string[])["1", "2", "3", "4"])
        {
            builder.Add(2, oid, "public", "t" + oid, "r");
            builder.Add(3, oid, "email", "1", "25");
        }
        builder.Add(3, "1", "own", "2", "25");
        builder.Add(9, "2", "1");
        builder.Add(9, "3", "2");
        builder.Add(9, "4", "4");
        builder.Add(9, "4", "99");
        var catalogue = builder.Build();

        Assert.Empty(catalogue.RelationsByOid[1].Ancestors);
        Assert.Equal(["public.t2.email", "public.t1.email"], catalogue.RelationsByOid[3].Inherited("email").Select(origin => origin.Name));
        Assert.Empty(catalogue.RelationsByOid[3].Inherited("own2"));
        Assert.Equal(["t4"], catalogue.RelationsByOid[4].Ancestors.Select(relation => relation.Name));
    }

    [Fact]
    public void What_is_built_in_is_found_without_its_schema_and_first() => Assert.Equal("pg_catalog", SpecCatalogue.Instance.SearchPath[0]);
}
