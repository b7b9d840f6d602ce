using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Categories and labels: <c>LabelEncoder</c>, <c>CategoryMapper</c>, <c>OneHotEncoder</c>; and maps: <c>ZipMap</c>, <c>DictVectorizer</c>, <c>CastMap</c>.</summary>
/// <remarks>
/// ai.onnx.ml 1 to newest. A map is a row of a table here, with a column for each key: a graph input of maps is fed as [rows, keys], and ZipMap gives [rows, classes].
/// </remarks>
public static class CategoryOperators
{
    private const string NoString = "_Unused";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        MachineLearning.Of("LabelEncoder", ImportEncoder),
        MachineLearning.Of("CategoryMapper", ImportMapper),
        MachineLearning.Of("OneHotEncoder", ImportOneHot),
        MachineLearning.Of("ZipMap", ImportZipMap, "Gives the tensor of probabilities [rows, classes] instead of a sequence of maps."),
        MachineLearning.Of("DictVectorizer", ImportDictionary, "The map is fed as a table [rows, keys], its columns in the order of the vocabulary; a key that a row lacks is 0 (or an empty text) there."),
        MachineLearning.Of("CastMap", ImportCastMap, "The map is fed as a table [rows, keys]: column i holds the value of key i (SPARSE), or all values in the order of their keys (DENSE)."),
    ];

    private static IReadOnlyList<Value> ImportEncoder(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        ElementType type = import.Input(0).Type;
        if (a.Strings("classes_strings") is { } classes) // version 1
        {
            string otherwise = a.String("default_string", NoString);
            long none = a.Int("default_int64", -1);
            NdArray names = new(classes, classes.Length), numbers = NdArray.Vector([.. Enumerable.Range(0, classes.Length).Select(i => (long)i)]);
            return import.Emit(type == ElementType.String ? new LabelEncoder(names, numbers, NdArray.Vector(none)) : new LabelEncoder(numbers, names, new NdArray([otherwise], 1)), import.Input(0));
        }
        NdArray keys = List(a, "keys") ?? throw new InvalidModelException("it has no keys.");
        NdArray values = List(a, "values") ?? throw new InvalidModelException("it has no values.");
        if (keys.Length != values.Length) throw new InvalidModelException($"it has {keys.Length} keys and {values.Length} values.");
        if (keys.Type.Storage() != type.Storage()) throw new InvalidModelException($"its keys are {keys.Type}, and its input is {type}.");
        (string text, long integer, float real) = (a.String("default_string", NoString), a.Int("default_int64", -1), a.Float("default_float", -0f));
        NdArray fallback = a.Tensor("default_tensor") ?? values.Type.Storage() switch
        {
            Storage.String => new NdArray([text], 1),
            Storage.Integer => NdArray.Vector(integer),
            _ => NdArray.Vector(real),
        };
        if (fallback.Length != 1 || fallback.Type.Storage() != values.Type.Storage()) throw new InvalidModelException($"its default is {fallback}, and one {values.Type} is expected.");
        return import.Emit(new LabelEncoder(keys, values, fallback.Reshape(1).As(values.Type)), import.Input(0));
    }

    /// <summary>A list of integers, strings or floats, or a tensor.</summary>
    private static NdArray? List(NodeAttributes a, string name)
    {
        if (a.Tensor($"{name}_tensor") is { } tensor) return tensor.Reshape(tensor.Length);
        if (a.Ints($"{name}_int64s") is { } integers) return NdArray.Vector(integers);
        if (a.Strings($"{name}_strings") is { } strings) return new NdArray(strings, strings.Length);
        return a.Floats($"{name}_floats") is { } floats ? NdArray.Vector(floats) : null;
    }

    private static IReadOnlyList<Value> ImportMapper(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        string[] names = a.Strings("cats_strings") ?? [];
        long[] numbers = a.Ints("cats_int64s") ?? [];
        string text = a.String("default_string", NoString);
        long number = a.Int("default_int64", -1);
        if (names.Length != numbers.Length) throw new InvalidModelException($"it has {names.Length} strings and {numbers.Length} integers.");
        NdArray strings = new(names, names.Length), integers = NdArray.Vector(numbers);
        return import.Emit(import.Input(0).Type == ElementType.String ? new LabelEncoder(strings, integers, NdArray.Vector(number)) : new LabelEncoder(integers, strings, new NdArray([text], 1)), import.Input(0));
    }

    private static IReadOnlyList<Value> ImportOneHot(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        Value x = import.Input(0);
        string[]? names = a.Strings("cats_strings");
        long[]? numbers = a.Ints("cats_int64s");
        bool lenient = a.Flag("zeros", true);
        if (x.Type == ElementType.String)
            return import.Emit(new OneHotEncoder(new NdArray(names ?? throw new InvalidModelException("its input holds strings, and it has no cats_strings."), names.Length)) { UnknownAsZeros = lenient }, x);
        if (numbers is null) throw new InvalidModelException("its input holds numbers, and it has no cats_int64s.");
        return import.Emit(new OneHotEncoder(NdArray.Vector(numbers)) { UnknownAsZeros = lenient }, import.Graph.Cast(x, ElementType.Int64));
    }

    private static IReadOnlyList<Value> ImportZipMap(OperatorImport import)
    {
        long[]? numbers = import.Attributes.Ints("classlabels_int64s");
        NdArray labels = import.Attributes.Strings("classlabels_strings") is { Length: > 0 } names ? new NdArray(names, names.Length) : NdArray.Vector(numbers ?? []);
        return import.Emit(new ZipMap(labels), import.Input(0));
    }

    private static IReadOnlyList<Value> ImportDictionary(OperatorImport import)
    {
        (string[]? names, long[]? numbers) = (import.Attributes.Strings("string_vocabulary"), import.Attributes.Ints("int64_vocabulary"));
        if (names is { Length: > 0 } == numbers is { Length: > 0 }) throw new InvalidModelException("one of string_vocabulary and int64_vocabulary is needed.");
        return import.Emit(new DictVectorizer(names is { Length: > 0 } ? new NdArray(names, names.Length) : NdArray.Vector(numbers!)), import.Input(0));
    }

    private static IReadOnlyList<Value> ImportCastMap(OperatorImport import)
    {
        import.Attributes.Ignore("map_form"); // both are tables of which the shape is known by now
        import.Attributes.Ignore("max_map");
        string to = import.Attributes.String("cast_to", "TO_FLOAT");
        return import.EmitAs(import.Graph.Cast(import.Input(0), to switch
        {
            "TO_FLOAT" => ElementType.Float,
            "TO_INT64" => ElementType.Int64,
            "TO_STRING" => ElementType.String,
            _ => throw import.Unsupported($"cast_to is {to}; TO_FLOAT, TO_INT64 and TO_STRING are known."),
        }));
    }
}

/// <summary>Each element replaced by the value that goes with it; by the default where it is no key.</summary>
/// <remarks>ai.onnx.ml 1 to newest; written as version 4. Keys, values: integers, strings or floats. NaN is a key like others; of equal keys the first counts.</remarks>
public sealed class LabelEncoder(NdArray keys, NdArray values, NdArray otherwise) : Operator
{
    /// <summary>What is looked for.</summary>
    public NdArray Keys { get; } = keys;

    /// <summary>What it is replaced by.</summary>
    public NdArray Values { get; } = values;

    /// <summary>What all else is replaced by, a single element.</summary>
    public NdArray Default { get; } = otherwise.Reshape(1); // the format wants a vector of one

    public override string Name => "LabelEncoder";

    public override string Domain => MachineLearning.Domain;

    public override int OpsetVersion => 4;

    public override IEnumerable<OperatorAttribute> Attributes => [new("keys_tensor", Keys), new("values_tensor", Values), new("default_tensor", Default)];

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0).Storage() != Keys.Type.Storage()) throw context.Error($"its keys are {Keys.Type}, and its input is {context.TypeOf(0)}.");
        context.Output(0, Values.Type, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        int[] found = Keys.Type.Storage() switch
        {
            Storage.Float => Find(Keys.Floats, x.Floats),
            Storage.Integer => Find(Keys.Integers, x.Integers),
            Storage.String => Find(Keys.Strings, x.Strings),
            _ => Find(Keys.Booleans, x.Booleans),
        };
        NdArray y = context.Output(0);
        switch (Values.Type.Storage())
        {
            case Storage.Float: Take(Values.Floats, Default.Floats, found, y.Floats); break;
            case Storage.Integer: Take(Values.Integers, Default.Integers, found, y.Integers); break;
            case Storage.String: Take(Values.Strings, Default.Strings, found, y.Strings); break;
            default: Take(Values.Booleans, Default.Booleans, found, y.Booleans); break;
        }
    }

    /// <summary>The position of each element among the keys; -1 where it is none.</summary>
    internal static int[] Find<T>(ReadOnlySpan<T> keys, ReadOnlySpan<T> x)
        where T : notnull
    {
        var places = new Dictionary<T, int>(keys.Length);
        for (int i = 0; i < keys.Length; i++) places.TryAdd(keys[i], i);
        var found = new int[x.Length];
        for (int i = 0; i < x.Length; i++) found[i] = places.TryGetValue(x[i], out int place) ? place : -1;
        return found;
    }

    private static void Take<T>(ReadOnlySpan<T> values, ReadOnlySpan<T> otherwise, int[] found, Span<T> y)
    {
        for (int i = 0; i < found.Length; i++) y[i] = found[i] < 0 ? otherwise[0] : values[found[i]];
    }
}

/// <summary>A new last axis with one place a category: 1 at that of the element, 0 elsewhere.</summary>
/// <remarks>ai.onnx.ml 1. Floats are cut to integers before. An unknown category gives zeros, or is an error.</remarks>
public sealed class OneHotEncoder(NdArray categories) : Operator
{
    /// <summary>The categories, integers or strings.</summary>
    public NdArray Categories { get; } = categories;

    /// <summary>Whether an unknown category gives zeros only; otherwise it is an error.</summary>
    public bool UnknownAsZeros { get; init; } = true;

    public override string Name => "OneHotEncoder";

    public override string Domain => MachineLearning.Domain;

    public override int OpsetVersion => 1;

    public override IEnumerable<OperatorAttribute> Attributes =>
    [
        Categories.Type == ElementType.String ? new("cats_strings", Categories.Strings.ToArray()) : new("cats_int64s", Categories.Integers.ToArray()),
        new("zeros", UnknownAsZeros),
    ];

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0).Storage() != Categories.Type.Storage()) throw context.Error($"its categories are {Categories.Type}, and its input is {context.TypeOf(0)}.");
        context.Output(0, ElementType.Float, context.ShapeOf(0) is { } shape ? [.. shape, Categories.Length] : null);
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        int[] found = x.Type == ElementType.String ? LabelEncoder.Find<string>(Categories.Strings, x.Strings) : LabelEncoder.Find<long>(Categories.Integers, x.Integers);
        Span<float> y = context.OutputFloats();
        y.Clear();
        for (int i = 0; i < found.Length; i++)
        {
            if (found[i] >= 0) y[i * Categories.Length + found[i]] = 1;
            else if (!UnknownAsZeros)
                throw new InvalidDataException($"'{(x.Type == ElementType.String ? x.Strings[i] : x.Integers[i])}' is none of the {Categories.Length} categories that the model knows.");
        }
    }
}

/// <summary>A table that stands for maps: each row is one, and each column has a key. Nothing is computed, and gradients pass. It is written as Identity: the keys stay with the operator.</summary>
public abstract class KeyedColumns(string name, NdArray keys) : Operator
{
    /// <summary>The keys, integers or strings, in the order of the columns.</summary>
    public NdArray Labels { get; } = keys;

    public override string Name => name;

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("labels", Labels)];

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { Rank: > 0 } shape && shape[^1].IsKnown && shape[^1].Value != Labels.Length)
            throw context.Error($"it has {Labels.Length} keys, and its input the shape {shape}.");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));

    public override Value?[] Gradient(Differentiation.Backward backward) => [backward.Upstream];

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) => [graph.Identity(node.Inputs[0]!)];
}

/// <summary>The probabilities of classes, with the labels of the classes: in ONNX a sequence of maps, here the tensor [rows, classes] as it came in.</summary>
/// <remarks>ai.onnx.ml 1.</remarks>
public sealed class ZipMap(NdArray labels) : KeyedColumns("ZipMap", labels);

/// <summary>A map as the vector of the values of known keys: in ONNX of one map, here of a table [rows, keys] with these very columns.</summary>
/// <remarks>ai.onnx.ml 1. Keys that the model does not know have no column, as they have no effect.</remarks>
public sealed class DictVectorizer(NdArray vocabulary) : KeyedColumns("DictVectorizer", vocabulary);
