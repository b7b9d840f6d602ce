using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Docs;

public sealed record Applicant(
    [Feature(Unit = "EUR", Column = "income_z"), Scaled(Mean = 41000, Deviation = 12000), Imputed(38500)] double? Income,
    [OneHot("clerk", "nurse", "another", Otherwise = "another")] string Job,
    [Feature(Unit = "years")] int Age);

/// <summary>The code of docs/schema.md.</summary>
[Collection("console")]
public sealed class SchemaPage : DocumentationPage
{
    [Fact]
    public void The_code_runs()
    {
        var graph = new GraphBuilder("loan");
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("batch"), 4]);
        graph.Output(graph.MatMul(x, graph.Constant(new NdArray([1f, -1, 2, 0], 4, 1), "weights")), "score");
        var model = new OnnxModel(graph.Build());

        FeatureSchema schema = FeatureSchema.Of<Applicant>();           // or FeatureSchema.Read("loan.json")

        EncodedTable rows = schema.Encode(TextTable.Of([new Applicant(52000, "nurse", 34)]));
        EncodedTable train = schema.Encode(TextTable.Parse("income,job,age\n30000,clerk,40\n,another,61\n"));

        Attribution why = new KernelShap(model) { Baseline = Baseline.Background(train.Values.ToTensor()) }
            .Explain([rows.Values], Target.Class(0), new ExplainOptions { Schema = schema });

        foreach (Explained feature in schema.Explain(why, rows)[0]) Console.WriteLine(feature);   // income 52,000 EUR: +1.4792

        var program = new CommandPredictor("node score.js") { Columns = schema.Columns, TimeLimit = TimeSpan.FromSeconds(10) };

        Assert.Equal(["income 52,000 EUR", "job nurse", "age 34 years"], schema.Explain(why, rows)[0].Select(e => $"{e.Feature} {e.Value}"));
        Assert.Equal("income 52,000 EUR: +1.4792", schema.Explain(why, rows)[0][0].ToString());
        Assert.Equal(["node", "score.js"], program.Arguments);
        Assert.Equal(2.5, schema.Explain(why, rows)[0][1].Attribution, 1e-5);
    }

    [Fact]
    public void The_file_is_a_schema()
    {
        string page = File.ReadAllText(Path.Combine(SharedFiles.Root, "docs", "schema.md"));
        int start = page.IndexOf("```json", StringComparison.Ordinal) + 7;
        FeatureSchema schema = FeatureSchema.Parse(page[start..page.IndexOf("```", start, StringComparison.Ordinal)]);
        Assert.Equal(8, schema.Features.Count);
        Assert.Equal(11, schema.Columns.Count);
    }
}
