using System.Globalization;
using System.Text.Json;

namespace Limn.Trees;

/// <summary>A tree as XGBoost's JSON has it: arrays with an element for each node.</summary>
/// <param name="output">The output that it adds to.</param>
internal abstract class XgboostWrittenTree(int output)
{
    private const int NoParent = int.MaxValue;

    public int Output => output;

    protected abstract int Nodes { get; }

    /// <summary>The left child, one below the right child; -1 for a leaf.</summary>
    protected abstract int Left(int node);

    protected abstract int Feature(int node);

    protected abstract float Condition(int node);

    protected abstract bool DefaultLeft(int node);

    protected abstract double Cover(int node);

    protected abstract int[]? Categories(int node);

    public void Write(Utf8JsonWriter json, int id, string features)
    {
        var parents = new int[Nodes];
        Array.Fill(parents, NoParent);
        List<int> nodes = [], segments = [], sizes = [], categories = [];
        for (int n = 0; n < Nodes; n++)
        {
            if (Left(n) >= 0) parents[Left(n)] = parents[Left(n) + 1] = n;
            if (Categories(n) is not { } set) continue;
            nodes.Add(n);
            segments.Add(categories.Count);
            sizes.Add(set.Length);
            categories.AddRange(set);
        }
        json.WriteStartObject();
        Floats("base_weights", n => Left(n) < 0 ? Condition(n) : 0);
        List("categories", categories);
        List("categories_nodes", nodes);
        List("categories_segments", segments);
        List("categories_sizes", sizes);
        Integers("default_left", n => Left(n) >= 0 && DefaultLeft(n) ? 1 : 0);
        json.WriteNumber("id", id);
        Integers("left_children", Left);
        Floats("loss_changes", _ => 0);
        Integers("parents", n => parents[n]);
        Integers("right_children", n => Left(n) < 0 ? -1 : Left(n) + 1);
        Floats("split_conditions", Condition);
        Integers("split_indices", Feature);
        Integers("split_type", n => Categories(n) is null ? 0 : 1);
        Floats("sum_hessian", n => (float)Cover(n));
        XgboostWriter.Parameters(json, "tree_param", ("num_deleted", "0"), ("num_feature", features), ("num_nodes", XgboostWriter.Text(Nodes)), ("size_leaf_vector", "0"));
        json.WriteEndObject();

        void Floats(string name, Func<int, float> of)
        {
            json.WriteStartArray(name);
            for (int n = 0; n < Nodes; n++)
            {
                // XGBoost takes a number without a point for an integer, and refuses it here. JSON has no infinities, but XGBoost's has.
                float number = of(n);
                string text = float.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : number > 0 ? "Infinity" : "-Infinity";
                json.WriteRawValue(float.IsFinite(number) && !text.Contains('.', StringComparison.Ordinal) && !text.Contains('E', StringComparison.Ordinal) ? text + ".0" : text, skipInputValidation: true);
            }
            json.WriteEndArray();
        }

        void Integers(string name, Func<int, int> of) => List(name, Enumerable.Range(0, Nodes).Select(of));

        void List(string name, IEnumerable<int> numbers)
        {
            json.WriteStartArray(name);
            foreach (int number in numbers) json.WriteNumberValue(number);
            json.WriteEndArray();
        }
    }
}

/// <summary>A tree of one leaf.</summary>
internal sealed class XgboostConstant(float value, int output) : XgboostWrittenTree(output)
{
    protected override int Nodes => 1;

    protected override int Left(int node) => -1;

    protected override int Feature(int node) => 0;

    protected override float Condition(int node) => value;

    protected override bool DefaultLeft(int node) => false;

    protected override double Cover(int node) => 0;

    protected override int[]? Categories(int node) => null;
}

/// <summary>One tree of an ensemble, for one of its outputs.</summary>
internal sealed class XgboostFlatTree(FlatTrees flat, int tree, int output, double scale) : XgboostWrittenTree(output)
{
    private readonly int first = flat.Roots[tree];

    protected override int Nodes => flat.Roots[tree + 1] - first;

    protected override int Left(int node) => flat.Feature[first + node] == FlatTrees.Leaf ? -1 : flat.Left[first + node] - first;

    protected override int Feature(int node) => Math.Max(0, flat.Feature[first + node]);

    // x ≤ t is x < the number after t; a threshold that no number is at most is one that no number is below.
    protected override float Condition(int node)
    {
        int n = first + node;
        if (flat.Feature[n] == FlatTrees.Leaf) return (float)(scale * (flat.Outputs[tree] < 0 ? flat.Vectors[(int)flat.Value[n] + Output] : flat.Value[n]));
        if (flat.Set[n] >= 0) return 0;
        return float.IsNaN(flat.Threshold[n]) ? float.NegativeInfinity : float.BitIncrement(flat.Threshold[n]);
    }

    protected override bool DefaultLeft(int node) => flat.NanGoesLeft(first + node)
        ?? throw new LimnException($"Tree {tree} takes zero for missing and sends it elsewhere than a number, which XGBoost cannot say.");

    protected override double Cover(int node) => flat.Cover?[first + node] ?? 0;

    protected override int[]? Categories(int node) => flat.Feature[first + node] != FlatTrees.Leaf && flat.Set[first + node] >= 0 ? flat.Members(first + node) : null;
}
