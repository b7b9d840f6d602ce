using Limn.Data;
using Limn.Engine;
using InvalidDataException = Limn.InvalidDataException;

namespace Limn.Tests.Data.Schema;

public sealed class FeatureSchemaTests
{
    internal const string Loan = """
        {
          "features": [
            { "name": "income", "unit": "EUR", "column": "income_z", "scale": { "mean": 41000, "deviation": 12000 }, "missing": { "as": 38500, "indicator": "income_missing" } },
            { "name": "job", "oneHot": { "job_clerk": "clerk", "job_nurse": "nurse" }, "otherwise": "another" },
            { "name": "age", "unit": "years" },
            { "name": "debt", "unit": "EUR", "column": "debt_log", "log": "one-plus" },
            { "name": "speed", "unit": "km/h", "column": "speed_bin", "bins": { "edges": [30, 50.5] } },
            { "name": "owner", "kind": "boolean" },
            { "name": "school", "column": "school_code", "codes": { "none": 0, "basic": 1, "degree": 5 } },
            { "name": "street", "hashed": ["h0", "h1"] }
          ],
          "columns": ["age", "income_z", "income_missing", "job_nurse", "job_clerk", "debt_log", "speed_bin", "owner", "school_code", "h0", "h1"]
        }
        """;

    internal const string Rows = """
        income,job,age,debt,speed,owner,school,street,h0,h1
        52000,nurse,34,1200,50.5,yes,degree,Elm St,1,-1
        ,another,51,0,12,false,none,?,0,2
        """;

    private static FeatureSchema Schema => FeatureSchema.Parse(Loan);

    [Fact]
    public void Rows_in_the_users_terms_become_the_models_columns_in_its_order()
    {
        EncodedTable table = Schema.Encode(TextTable.Parse(Rows));
        Assert.Equal([2, 11], table.Values.Dims.ToArray());
        float[] wanted = [34, 11 / 12f, 0, 1, 0, MathF.Log(1201), 2, 1, 5, 1, -1, 51, -2500 / 12000f, 1, 0, 0, 0, 0, 0, 0, 0, 2];
        for (int i = 0; i < wanted.Length; i++) Assert.Equal(wanted[i], table.Values.Floats[i], 1e-5f);
        Assert.Equal(["52,000 EUR", "nurse", "34 years", "1,200 EUR", "50.5 km/h", "yes", "degree", "Elm St"], table.Words[0]);
        Assert.Equal(["missing (taken as 38,500 EUR)", "another", "51 years", "0 EUR", "12 km/h", "no", "none", "hashed"], table.Words[1]);
    }

    [Fact]
    public void The_models_columns_say_what_they_stand_for()
    {
        EncodedTable table = Schema.Encode(TextTable.Parse(Rows));
        EncodedTable back = Schema.Decode([table.Values]);
        // A bin and a hash have lost the value itself.
        Assert.Equal(["52,000 EUR", "nurse", "34 years", "1,200 EUR", "50.5 km/h and more", "yes", "degree", "hashed"], back.Words[0]);
        Assert.Equal(["missing (taken as 38,500 EUR)", "another", "51 years", "0 EUR", "below 30 km/h", "no", "none", "hashed"], back.Words[1]);
    }

    [Fact]
    public void A_table_of_the_models_columns_is_taken_as_it_is_and_others_are_left_alone()
    {
        string encoded = "label," + string.Join(',', Schema.Columns) + "\n1,34,0.5,0,1,0,7,1,0,1,0.25,0\n";
        EncodedTable table = Schema.Encode(TextTable.Parse(encoded));
        Assert.Equal([34f, 0.5f, 0, 1, 0, 7, 1, 0, 1, 0.25f, 0], table.Values.Floats.ToArray());
        Assert.Equal(["47,000 EUR", "nurse", "34 years", "1,095.63 EUR", "30 to 50.5 km/h", "no", "basic", "hashed"], table.Words[0]);
    }

    [Fact]
    public void Mixtures_codes_and_intervals_that_are_none_are_told_as_they_are()
    {
        var hot = new Feature("job", new OneHot(["a", "b"], ["clerk", "nurse"]));
        Assert.Equal("none of its categories", hot.Describe(["0", "0"]));
        Assert.Equal("clerk + nurse", hot.Describe(["1", "1"]));
        Assert.Equal("0.25 clerk + 0.75 nurse", hot.Describe(["0.25", "0.75"]));
        var bins = new Feature("age", new Binned(["a", "b"], [18], ["minor", "adult"]));
        Assert.Equal("adult", bins.Describe(["0", "1"]));
        Assert.Equal("none of its intervals", bins.Describe(["0", "0"]));
        Assert.Equal("several of its intervals", bins.Describe(["1", "1"]));
        Assert.Equal(["0", "1"], bins.Encode("18"));
        Assert.Equal("code 7", new Feature("x", new Ordinal("x", ["a"])).Describe(["7"]));
        Assert.Equal("interval 3", new Feature("x", new Binned(["x"], [1, 2])).Describe(["3"]));
        Assert.Equal("0.5", new Feature("x", new SingleColumn("x")) { Kind = FeatureKind.Boolean }.Describe(["0.5"]));
        Assert.Equal("NaN", new Feature("x", new SingleColumn("x")).Describe(["NaN"]));
    }

    [Theory]
    [InlineData(1234567.891, "", null, "1,234,570")]
    [InlineData(-0.0000001, "", 2, "0.00")]
    [InlineData(0.00001234, "g", null, "1.234E-05 g")]
    [InlineData(12.5, "%", null, "12.5%")]
    [InlineData(0, "EUR", 2, "0.00 EUR")]
    public void Numbers_are_written_with_thousands_apart_and_their_unit(double value, string unit, int? decimals, string words) =>
        Assert.Equal(words, SchemaText.Quantity(value, new Feature("x", new SingleColumn("x")) { Unit = unit, Decimals = decimals }));

    [Fact]
    public void A_schema_survives_its_own_json()
    {
        string json = Schema.ToJson();
        Assert.Equal(json, FeatureSchema.Parse(json).ToJson());
        Assert.Equal(Schema.Columns, FeatureSchema.Parse(json).Columns);
        float[] one = Schema.Encode(TextTable.Parse(Rows)).Values.Floats.ToArray(), two = FeatureSchema.Parse(json).Encode(TextTable.Parse(Rows)).Values.Floats.ToArray();
        Assert.Equal(one, two);
    }

    [Fact]
    public void Text_columns_make_the_whole_input_text()
    {
        var schema = FeatureSchema.Parse("""{ "features": [ { "name": "city", "kind": "category" }, { "name": "age" } ] }""");
        EncodedTable table = schema.Encode(TextTable.Parse("age,city\n3,Rome\n"));
        Assert.Equal(["Rome", "3"], table.Values.Strings.ToArray());
        Assert.Equal(["Rome", "3"], table.Words[0]);
    }

    [Theory]
    [InlineData("""{ "features": [] }""", "at least one feature")]
    [InlineData("""{ }""", "has no \"features\"")]
    [InlineData("""{ "features": [ { "nmae": "x" } ] }""", "has no \"name\"")]
    [InlineData("""{ "features": [ { "name": "x", "uint": "EUR" } ] }""", "the feature 'x' has a field \"uint\", which is not known")]
    [InlineData("""{ "features": [ { "name": "x" }, { "name": "x" } ] }""", "Two features are called 'x'")]
    [InlineData("""{ "features": [ { "name": "x", "column": "a" }, { "name": "y", "column": "a" } ] }""", "'a' belongs to two features")]
    [InlineData("""{ "features": [ { "name": "x" } ], "columns": ["x", "z"] }""", "'z' belongs to no feature")]
    [InlineData("""{ "features": [ { "name": "x" }, { "name": "y" } ], "columns": ["x"] }""", "'y' of the feature 'y' is not among the columns")]
    [InlineData("""{ "features": [ { "name": "x", "scale": { "mean": 1, "deviation": 0 } } ] }""", "not zero")]
    [InlineData("""{ "features": [ { "name": "x", "scale": { "mean": 1, "maximum": 0 } } ] }""", "\"mean\" and \"deviation\"")]
    [InlineData("""{ "features": [ { "name": "x", "oneHot": { "a": "b" }, "hashed": ["c"] } ] }""", "give one")]
    [InlineData("""{ "features": [ { "name": "x", "codes": ["b"], "otherwise": "c" } ] }""", "belongs to \"oneHot\"")]
    [InlineData("""{ "features": [ { "name": "x", "bins": { "edges": [2, 1] } } ] }""", "ascending")]
    [InlineData("""{ "features": [ { "name": "x", "bins": { "edges": [1], "labels": ["a"] } } ] }""", "1 labels")]
    [InlineData("""{ "features": [ { "name": "x", "kind": "number" } ] }""", "\"numeric\", \"category\", \"boolean\", \"text\"")]
    [InlineData("""{ "features": [ { "name": "x", "decimals": 99 } ] }""", "whole number from 0 to 15")]
    [InlineData("""{ "features": [ { "name": "x", "hashed": [] } ] }""", "no column")]
    [InlineData("""{ "features": [ "x" ] }""", "must be an object")]
    [InlineData("""{ "features": """, "no JSON")]
    public void What_is_no_schema_is_refused_with_its_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => FeatureSchema.Parse(json)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("income,job\n1,clerk\n", "no column 'age'")]
    [InlineData("income,job,age,debt,speed,owner,school,h0,h1\n1,clrk,1,1,1,yes,none,1,1\n", "row 0: 'job' has no category 'clrk'. Did you mean clerk?")]
    [InlineData("income,job,age,debt,speed,owner,school,h0,h1\n1,clerk,,1,1,yes,none,1,1\n", "row 0: 'age' is missing")]
    [InlineData("income,job,age,debt,speed,owner,school,h0,h1\n1,clerk,1,-2,1,yes,none,1,1\n", "no logarithm")]
    [InlineData("income,job,age,debt,speed,owner,school,h0,h1\n1,clerk,1,1,1,maybe,none,1,1\n", "neither")]
    [InlineData("income,job,age,debt,speed,owner,school,h0,h1\n1,clerk,1,1,1,yes,none,x,1\n", "'h0' holds 'x'")]
    [InlineData("income,job,age,debt,speed,owner,school,street\n1,clerk,1,1,1,yes,none,Elm\n", "model's columns h0, h1")]
    [InlineData("age,age\n1,2\n", "twice")]
    public void Rows_that_do_not_fit_are_refused_with_row_and_feature(string rows, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => Schema.Encode(TextTable.Parse(rows))).Message, StringComparison.Ordinal);

    private enum Job
    {
        Clerk,
        Nurse,
    }

    private sealed record Applicant(
        [Feature(Unit = "EUR", Column = "income_z"), Scaled(Mean = 41000, Deviation = 12000), Imputed(38500, Indicator = "income_missing")] double? Income,
        [OneHot(Otherwise = "Clerk")] Job Job,
        [Feature(Name = "age")] int YearsOld,
        bool OwnsHouse,
        [Binned(30, 50, Labels = ["slow", "usual", "fast"])] float Speed,
        [Ordinal("none", "degree")] string School,
        [Scaled(Logarithm = Logarithm.OnePlus)] double Debt)
    {
        [Hashed("h0", "h1")]
        public string Street { get; init; } = "";
    }

    [Fact]
    public void Attributes_of_a_record_say_the_same_as_json()
    {
        var json = FeatureSchema.Parse("""
            { "features": [
                { "name": "income", "unit": "EUR", "column": "income_z", "scale": { "mean": 41000, "deviation": 12000 }, "missing": { "as": 38500, "indicator": "income_missing" } },
                { "name": "job", "oneHot": { "job_Nurse": "Nurse" }, "otherwise": "Clerk" },
                { "name": "age" },
                { "name": "owns_house", "kind": "boolean" },
                { "name": "speed", "bins": { "edges": [30, 50], "labels": ["slow", "usual", "fast"] } },
                { "name": "school", "codes": ["none", "degree"] },
                { "name": "debt", "log": "one-plus" },
                { "name": "street", "hashed": ["h0", "h1"] }
            ] }
            """);
        Assert.Equal(json.ToJson(), FeatureSchema.Of<Applicant>().ToJson());
        TextTable table = TextTable.Of([new Applicant(null, Job.Nurse, 30, true, 30, "degree", 0) { Street = "x" }]);
        Assert.Equal(["income", "job", "age", "owns_house", "speed", "school", "debt", "street"], table.Columns);
        Assert.Equal(["", "Nurse", "30", "true", "30", "degree", "0", "x"], table.Cells[0]);
    }

    private sealed record Doubled([OneHot("a"), Ordinal("a")] string X);

    private sealed record HalfScaled([Scaled(Mean = 1)] double X);

    [Fact]
    public void Attributes_that_contradict_each_other_are_refused()
    {
        Assert.Contains("several encodings", Assert.Throws<InvalidDataException>(() => FeatureSchema.Of<Doubled>()).Message, StringComparison.Ordinal);
        Assert.Contains("Mean and Deviation", Assert.Throws<InvalidDataException>(() => FeatureSchema.Of<HalfScaled>()).Message, StringComparison.Ordinal);
    }
}
