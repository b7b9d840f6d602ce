using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Tests.Compilation;

/// <summary>A compiled explanation, written as ONNX, read back and run, is the explanation.</summary>
public sealed class CompileTests
{
    private const double Tolerance = 5e-5;

    public static TheoryData<string, string> MethodsAndNetworks
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (MethodDescription method in MethodRegistry.All.Where(m => m.NotCompiled is null))
                foreach (string network in Compiled.Networks.Keys) all.Add(method.Name, network);
            return all;
        }
    }

    /// <summary>A new method either can be compiled, or says in a sentence why it cannot.</summary>
    [Fact]
    public void Every_method_compiles_or_says_why_not()
    {
        Assert.All(MethodRegistry.All.Where(m => m.NotCompiled is not null), m => Assert.EndsWith(".", m.NotCompiled, StringComparison.Ordinal));
        // Of those that look inside a network, these; black boxes are asked by programs, but for two that ask once for each feature.
        Assert.Equal(["gradient-shap", "smooth-grad", "smooth-grad-squared", "var-grad", "xrai"], MethodRegistry.All.Where(m => m.NotCompiled is not null && !IsBlackBox(m)).Select(m => m.Name).Order());
        Assert.Equal(["feature-ablation", "occlusion"], MethodRegistry.All.Where(m => m.NotCompiled is null && IsBlackBox(m)).Select(m => m.Name).Order());

        static bool IsBlackBox(MethodDescription m) => typeof(PerturbationMethod).IsAssignableFrom(m.Type);
    }

    [Theory]
    [MemberData(nameof(MethodsAndNetworks))]
    public void The_compiled_graph_computes_the_explanation(string method, string network)
    {
        foreach (Dim dim in new[] { Dim.Named("batch"), 3 })
        {
            OnnxModel model = Compiled.Networks[network](dim);
            Method chosen = Compiled.Method(method, model);
            var options = new ExplainOptions { At = chosen.NeedsLayer ? "hidden" : null };
            NdArray all = Compiled.Rows(model, 3);
            Attribution expected;
            try
            {
                expected = chosen.Explain([all], options: options);
            }
            catch (LimnException refused) // a map of a table: both refuse it
            {
                Assert.IsType(refused.GetType(), Assert.ThrowsAny<LimnException>(() => chosen.Compile(options: options)));
                continue;
            }
            byte[] file = Compiled.Write(chosen.Compile(options: options));
            double difference = Compiled.Difference(expected, Compiled.Run(file, all));
            Assert.True(difference <= Tolerance, $"{difference:E1} for 3 rows of {(dim.IsKnown ? "fixed" : "any")} batch");
            if (dim.IsKnown) continue;
            difference = Compiled.Difference(chosen.Explain([all.Rows(1, 1)], options: options), Compiled.Run(file, all.Rows(1, 1)));
            Assert.True(difference <= Tolerance, $"{difference:E1} for one row");
        }
    }
}
