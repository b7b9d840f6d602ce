using System.Reflection;
using Limn.Attention;
using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Games;
using Limn.Games.Local;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;
using Limn.Trees;

namespace Limn;

/// <summary>Names a method on the command line.</summary>
/// <param name="name">The usual name, in kebab case.</param>
/// <param name="title">The name as the paper writes it.</param>
/// <param name="summary">One sentence.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class MethodAttribute(string name, string title, string summary) : Attribute
{
    public string Name { get; } = name;

    public string Title { get; } = title;

    public string Summary { get; } = summary;

    /// <summary>The paper, with section or equation.</summary>
    public string Source { get; init; } = "";

    /// <summary>What is computed, as one line; φ is the attribution, F the score, x the input, b the baseline.</summary>
    public string Formula { get; init; } = "";

    /// <summary>
    /// What one row costs, with the default options, as a sum of products of <c>forward</c>, <c>backward</c>, numbers, options, and counts of what the model has
    /// (<c>elements</c>, <c>windows</c>, <c>channels</c>, <c>baselines</c>; of games <c>players</c>, <c>others</c>, one player less, <c>coalitions</c>, all sets of players but the one of all, whose
    /// value is known, and the rows of the <c>background</c>), such as <c>steps × (forward + backward)</c>. Games ask for a coalition once, so that those that sample may cost less.
    /// </summary>
    public string Cost { get; init; } = "";

    /// <summary>What the method keeps to with its default options.</summary>
    public Axioms Axioms { get; init; }

    /// <summary>The axioms that say nothing about the method.</summary>
    public Axioms NotApplicable { get; init; }

    /// <summary>Why they do not.</summary>
    public string NotApplicableBecause { get; init; } = "";
}

/// <summary>Makes a property an option of its method.</summary>
/// <param name="name">The option's name, in kebab case.</param>
/// <param name="summary">One sentence.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string name, string summary) : Attribute
{
    public string Name { get; } = name;

    public string Summary { get; } = summary;
}

/// <param name="Name">The option's name.</param>
/// <param name="Type">What it takes, in words.</param>
/// <param name="Default">The default; null when it depends on the input.</param>
/// <param name="Summary">One sentence.</param>
public sealed record MethodOption(string Name, string Type, object? Default, string Summary);

/// <summary>A method as the registry knows it.</summary>
public sealed record MethodDescription(string Name, string Title, string Summary, string Source, bool NeedsNetwork, IReadOnlyList<MethodOption> Options, Type Type)
{
    /// <summary>What is computed, as one line; φ is the attribution, F the score, x the input, b the baseline.</summary>
    public required string Formula { get; init; }

    /// <summary>What one row costs with the default options; see <see cref="MethodAttribute.Cost"/>.</summary>
    public required string Cost { get; init; }

    /// <summary>What the method keeps to with its default options.</summary>
    public required Axioms Axioms { get; init; }

    /// <summary>The axioms that say nothing about the method.</summary>
    public required Axioms NotApplicable { get; init; }

    /// <summary>Why they do not; empty where all apply.</summary>
    public required string NotApplicableBecause { get; init; }

    /// <summary>Whether it explains a layer, which must be named, and never the inputs.</summary>
    public required bool NeedsLayer { get; init; }

    /// <summary>Why the method cannot be compiled (<see cref="Method.Compile"/>) with its defaults, in a sentence; null where it can.</summary>
    public string? NotCompiled { get; init; }

    /// <summary>Whether the method measures from a <see cref="Baseline"/>.</summary>
    public bool TakesBaseline => MethodRegistry.DataProperty(Type, typeof(Baseline)) is not null;

    /// <summary>Whether elements can be grouped by a mask.</summary>
    public bool TakesMask => MethodRegistry.DataProperty(Type, typeof(IReadOnlyList<NdArray>)) is not null;

    /// <summary>Whether it explains ensembles of trees, and nothing else.</summary>
    public bool NeedsTrees => Type == typeof(TreeShapMethod);

    /// <summary>Whether it can be told the right answers.</summary>
    public bool TakesTruth => MethodRegistry.DataProperty(Type, typeof(IReadOnlyList<float>)) is not null;

    /// <summary>Whether it explains a target through a neuron, so that it takes both.</summary>
    public bool TakesNeuron => MethodRegistry.DataProperty(Type, typeof(Target)) is not null;
}

/// <summary>What a method is given beside its options, because it is data and not text. A method has it as a property of the same type.</summary>
public sealed record MethodData
{
    /// <summary>What stands for "absent"; the method's default when null.</summary>
    public Baseline? Baseline { get; init; }

    /// <summary>The group of each element of one row (or of all rows), an array for each input; the method's default when null.</summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>The right answer of each row, for methods that explain a loss.</summary>
    public IReadOnlyList<float>? Truth { get; init; }

    /// <summary>The neuron (or several of a layer) through which a target is explained, for methods that take both.</summary>
    public Target? Neuron { get; init; }
}

/// <summary>Every method, by its name.</summary>
public static class MethodRegistry
{
    // One line a method.
    private static readonly Type[] Types =
    [
        typeof(Saliency),
        typeof(InputXGradient),
        typeof(IntegratedGradients),
        typeof(LayerActivation),
        typeof(InternalInfluence),
        typeof(Conductance),
        typeof(NeuronConductance),
        typeof(GradientShap),
        typeof(GuidedIntegratedGradients),
        typeof(BlurIntegratedGradients),
        typeof(Idgi),
        typeof(Xrai),
        typeof(SmoothGrad),
        typeof(SmoothGradSquared),
        typeof(VarGrad),
        typeof(GuidedBackprop),
        typeof(Deconvolution),
        typeof(RectGrad),
        typeof(DeepLift),
        typeof(DeepLiftShap),
        typeof(Cam),
        typeof(GradCam),
        typeof(GradCamPlusPlus),
        typeof(ScoreCam),
        typeof(AblationCam),
        typeof(XGradCam),
        typeof(HiResCam),
        typeof(LayerCam),
        typeof(EigenCam),
        typeof(EigenGradCam),
        typeof(ShapleyCam),
        typeof(FinerCam),
        typeof(FullGrad),
        typeof(GuidedGradCam),
        typeof(Lrp),
        typeof(ExcitationBackprop),
        typeof(AttentionRollout),
        typeof(AttentionRelevance),
        typeof(FeatureAblation),
        typeof(Occlusion),
        typeof(FeaturePermutation),
        typeof(ShapleyValues),
        typeof(KernelShap),
        typeof(PermutationShap),
        typeof(ShapleySampling),
        typeof(PartitionShap),
        typeof(BanzhafValues),
        typeof(ShapleyInteractions),
        typeof(Rise),
        typeof(SobolIndices),
        typeof(HsicAttribution),
        typeof(MeaningfulPerturbation),
        typeof(ExtremalPerturbation),
        typeof(TreeShapMethod),
        typeof(Lime),
        typeof(Anchors),
    ];

    // A model that does nothing, around which methods show their defaults.
    private static readonly OnnxModel Nothing = NoModel();

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<Type, (OptionAttribute Option, PropertyInfo Property)[]> OptionsByType = new();

    private static readonly Dictionary<Type, MethodDescription> ByType = Types.ToDictionary(t => t, Describe);

    private static readonly Dictionary<string, MethodDescription> Methods = ByType.Values.ToDictionary(m => m.Name);

    /// <summary>All methods, in the order of the table.</summary>
    public static IReadOnlyList<MethodDescription> All { get; } = [.. Types.Select(Of)];

    /// <summary>Makes a method by its name, with options given as text.</summary>
    /// <param name="name">The method's name.</param>
    /// <param name="model">The model to explain.</param>
    /// <param name="options">Option names and values; a method around another passes on what it does not know itself.</param>
    /// <param name="data">A baseline, a mask and a neuron, for methods that have them; one around another passes them on.</param>
    /// <exception cref="InvalidOptionException">The method or an option does not exist, a value is not of its type, or the method has no baseline, mask or neuron.</exception>
    public static Method Create(string name, IPredictor model, IReadOnlyDictionary<string, string>? options = null, MethodData? data = null)
    {
        MethodDescription description = Find(name);
        if (description.NeedsNetwork && model is not OnnxModel)
            throw new InvalidOptionException($"The method '{name}' looks inside the model and needs an ONNX network; a black box can be explained with {string.Join(", ", All.Where(m => !m.NeedsNetwork && !typeof(NoiseMethod).IsAssignableFrom(m.Type)).Select(m => m.Name))}.");
        var remaining = new Dictionary<string, string>(options ?? new Dictionary<string, string>());
        object[] arguments = [model];
        if (typeof(NoiseMethod).IsAssignableFrom(description.Type))
        {
            remaining.Remove("of", out string? of);
            HashSet<string> own = [.. description.Options.Select(o => o.Name)];
            var passed = remaining.Where(o => !own.Contains(o.Key)).ToDictionary();
            foreach (string key in passed.Keys) remaining.Remove(key);
            of ??= NoiseMethod.DefaultInner;
            // The mean of absolute gradients has no zero to diverge from: what is averaged by default keeps its sign.
            if (of == "saliency") passed.TryAdd("absolute", "false");
            arguments = [Create(of, model, passed, data)];
            data = null;
        }
        var method = (Method)Activator.CreateInstance(description.Type, arguments)!;
        foreach (var (option, text) in remaining)
        {
            PropertyInfo property = Property(description.Type, option) ?? throw new InvalidOptionException(
                $"The method '{name}' has no option '{option}'. Its options: {(description.Options.Count == 0 ? "none" : string.Join(", ", description.Options.Select(o => o.Name)))}.");
            property.SetValue(method, OptionText.Parse(option, text, property.PropertyType));
        }
        Give(method, description, data?.Baseline, "baseline", m => m.TakesBaseline);
        Give(method, description, data?.Mask, "mask", m => m.TakesMask);
        Give(method, description, data?.Truth, "right answers", m => m.TakesTruth);
        Give(method, description, data?.Neuron, "neuron beside its target", m => m.TakesNeuron);
        return method;
    }

    private static void Give<T>(Method method, MethodDescription description, T? value, string what, Func<MethodDescription, bool> takes) where T : class
    {
        if (value is null) return;
        PropertyInfo property = DataProperty(description.Type, typeof(T)) ?? throw new InvalidOptionException(
            $"The method '{description.Name}' has no {what}. Leave it away, or use one that has: {string.Join(", ", All.Where(takes).Select(m => m.Name))}.");
        property.SetValue(method, value);
    }

    internal static PropertyInfo? DataProperty(Type type, Type data) => Array.Find(type.GetProperties(), p => p.PropertyType == data && p.CanWrite);

    /// <exception cref="InvalidOptionException">There is no such method; the message names the nearest.</exception>
    public static MethodDescription Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Methods.TryGetValue(name, out MethodDescription? description)) return description;
        IReadOnlyList<string> near = NearestName.Of(name, Methods.Keys);
        throw new InvalidOptionException($"There is no method '{name}'. {(near.Count > 0 ? $"Did you mean {string.Join(" or ", near)}? " : "")}'limn methods' lists all.");
    }

    /// <summary>What is known of a method by its class.</summary>
    internal static MethodDescription Of(Type type) => ByType[type];

    private static MethodDescription Describe(Type type)
    {
        MethodAttribute about = type.GetCustomAttribute<MethodAttribute>() ?? throw new InvalidOperationException($"{type.Name} has no [Method] attribute.");
        Method blank = Blank(type);
        return new MethodDescription(about.Name, about.Title, about.Summary, about.Source, !typeof(PerturbationMethod).IsAssignableFrom(type) && !typeof(NoiseMethod).IsAssignableFrom(type),
            [.. Options(type).Select(o => new MethodOption(o.Option.Name, OptionText.TypeName(o.Property.PropertyType), OptionText.Format(o.Property.GetValue(blank)), o.Option.Summary))], type)
        {
            NotCompiled = blank.NotInGraph,
            NeedsLayer = blank.NeedsLayer,
            Formula = about.Formula,
            Cost = about.Cost,
            Axioms = about.Axioms,
            NotApplicable = about.NotApplicable,
            NotApplicableBecause = about.NotApplicableBecause,
        };
    }

    /// <summary>The options of a method with their values, as they are written in files.</summary>
    public static IReadOnlyDictionary<string, object?> OptionsOf(Method method)
    {
        var options = Options(method.GetType()).ToDictionary(o => o.Option.Name, o => OptionText.Format(o.Property.GetValue(method)));
        if (method is not NoiseMethod noise) return options;
        options["of"] = noise.Inner.Name;
        foreach (var (name, value) in OptionsOf(noise.Inner)) options.TryAdd(name, value);
        return options;
    }

    /// <summary>The method with its defaults.</summary>
    private static Method Blank(Type type) =>
        (Method)Activator.CreateInstance(type, typeof(NoiseMethod).IsAssignableFrom(type) ? new Saliency(Nothing) : Nothing)!;

    private static OnnxModel NoModel()
    {
        var graph = new GraphBuilder();
        graph.Output(graph.Input("x", ElementType.Float, [Dim.Unknown]));
        return new OnnxModel(graph.Build());
    }

    private static PropertyInfo? Property(Type type, string option) => Array.Find(Options(type), o => o.Option.Name == option).Property;

    private static (OptionAttribute Option, PropertyInfo Property)[] Options(Type type) => OptionsByType.GetOrAdd(type, static t =>
        [.. t.GetProperties().Select(p => (Option: p.GetCustomAttribute<OptionAttribute>(), Property: p)).Where(o => o.Option is not null)!]);
}
