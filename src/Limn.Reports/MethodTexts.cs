namespace Limn.Reports;

/// <summary>What readers should know about a method before they believe its picture.</summary>
/// <param name="Title">The method's name as its paper writes it.</param>
/// <param name="How">What the numbers are, in a sentence or two.</param>
/// <param name="Can">What one may conclude from them.</param>
/// <param name="Cannot">What one may not, and how they mislead.</param>
public sealed record MethodText(string Title, string How, IReadOnlyList<string> Can, IReadOnlyList<string> Cannot);

/// <summary>The texts for the methods that have their own, by the method's name on the command line.</summary>
public static partial class MethodTexts
{
    private const string NotTheWorld = "It says nothing about the world: a strong attribution shows what this model uses, not what causes the outcome.";
    private const string Baseline =
        "It depends on the baseline. Features that already equal the baseline (a black pixel against a black baseline) get zero, however much the model uses them. Try another baseline before you conclude that something is unimportant.";
    private const string Noise =
        "It averages over inputs with noise added, which the model may never have been trained on. A different noise level can give a different picture.";
    private const string NoSign = "It has no sign: it cannot say whether a pixel speaks for or against the target.";
    private const string NoSum = "The values do not add up to the score, so they are no shares of it; compare them only within one picture.";
    private const string Replacement =
        "It depends on what replaces the hidden part. The model sees an input that may look like nothing it was trained on, and part of the change can be its reaction to that.";

    private const string Coarse =
        "It is as coarse as its layer: a map of 7 × 7 or 13 × 13 cells, drawn smooth over the picture. Fine outlines in the picture are the picture's, not the map's.";
    private const string OneLayer = "It explains the layer, not the input. Each cell sees a large part of the picture, and other layers give other maps.";
    private const string Rectified = "With the ReLU only support is shown; what speaks against the target is cut off (option relu=false keeps it).";

    private static readonly Dictionary<string, MethodText> Catalogue = new([.. Networks(), .. BlackBoxes()], StringComparer.Ordinal);

    /// <summary>Methods that look inside a network.</summary>
    private static Dictionary<string, MethodText> Networks() => new()
    {
        ["saliency"] = new(
            "Saliency",
            "Each value is the gradient of the target with respect to one input: how fast the score changes if that input changes a very little. Usually its absolute value is shown.",
            ["Where tiny changes of the input would move this score most.", "Whether the model is sensitive to places that should not matter, such as a border or a watermark."],
            [
                "It is about sensitivity, not contribution: a feature can matter greatly for the score and have a gradient of zero because the network is saturated there.",
                "It looks noisy even for good models; single pixels should not be interpreted.",
                NoSum,
                NotTheWorld,
            ]),
        ["input-x-gradient"] = new(
            "Input × Gradient",
            "Each value is the input times the gradient of the target with respect to it. For a linear model without offset this is exactly what each input contributes.",
            ["A first, fast estimate of what each input contributes, with its sign.", "For networks of linear and ReLU layers without offsets, an exact split of the score."],
            [
                "It uses the gradient at one point only. Where the network bends between zero and the input, the values can be far from the true contributions.",
                "An input of zero always gets zero: black pixels, or features that were standardised to their mean, disappear.",
                NotTheWorld,
            ]),
        ["integrated-gradients"] = new(
            "Integrated Gradients",
            "Each value is the input's distance from the baseline times the gradient, averaged along the straight path from the baseline to the input. The values add up to the change of the score from baseline to input, up to a small error, the convergence delta.",
            [
                "How the change of the score between baseline and input is divided among the inputs, with signs.",
                "Whether the division is numerically exact: the convergence delta is the part that is missing.",
            ],
            [
                Baseline,
                "The path runs through mixtures of baseline and input that do not occur in real data; gradients there can be arbitrary and show as noise.",
                "It divides the score among single inputs; it does not say which inputs act together.",
                NotTheWorld,
            ]),
        ["layer-activation"] = new(
            "Layer Activation",
            "Each value is what the layer holds for this input. Nothing is explained yet: it shows what the rest of the network works with.",
            ["Which channels or neurons respond to this input, and where.", "Whether a layer is dead or saturated on it."],
            ["It has no target: a strong activation may not matter for the score at all, or may speak against it.", "Activations of different layers, and often of different channels, have no common scale.", NotTheWorld]),
        ["internal-influence"] = new(
            "Internal Influence",
            "Each value is the gradient of the target with respect to one element of a layer, averaged while the input moves from the baseline to itself.",
            ["Which elements of the layer the score follows, on average over the path, with the direction.", "A ranking of channels or neurons that does not depend on the gradient at a single point."],
            [
                "It is sensitivity, not contribution: an element that does not change along the path can still have a large value.",
                NoSum,
                Baseline,
                NotTheWorld,
            ]),
        ["conductance"] = new(
            "Conductance",
            "Each value is the part of the change in the score, from the baseline to the input, that flows through one element of a layer.",
            [
                "Which neurons or channels carry the score's change, with signs.",
                "Where every path goes through the layer, the values add up to the change of the score; the convergence delta is what is missing.",
            ],
            [
                Baseline,
                "Beside a skip connection a layer carries only a part of the change, and the sum says nothing about the rest.",
                "That a neuron carries much does not say what it stands for.",
                NotTheWorld,
            ]),
        ["neuron-conductance"] = new(
            "Neuron Conductance",
            "Each value is the part of the change in the score that comes from one input and flows through the chosen neuron, along the path from the baseline to the input.",
            ["Which inputs a neuron uses when it contributes to this score.", "How much of an input's attribution goes through this neuron and not through others."],
            [
                "It is about one neuron. What flows around it is left out, so the values add up to that neuron's share only.",
                Baseline,
                NotTheWorld,
            ]),
        ["gradient-shap"] = new(
            "GradientSHAP",
            "Each value is Integrated Gradients averaged over baselines drawn from a background, by sampling: how the change of the score from a typical background row to this input is divided among the inputs.",
            [
                "How the input's score comes to differ from the average score of the background, with signs.",
                "How exact the numbers are: the standard error of each is given, and more samples make it smaller.",
            ],
            [
                "It depends on the background. Other rows to compare with give other values.",
                "It is an estimate by random draws; differences smaller than the standard error mean nothing.",
                "The path between a background row and the input runs through mixtures that do not occur in real data.",
                NotTheWorld,
            ]),
        ["guided-ig"] = new(
            "Guided Integrated Gradients",
            "As Integrated Gradients, along a path that moves first the inputs on which the score hardly depends, and so avoids places where gradients are large for no good reason.",
            ["How the change of the score between baseline and input is divided among the inputs, with less noise than along the straight path.", "Whether the division is numerically exact: the convergence delta is the part that is missing."],
            [
                Baseline,
                "The path depends on the model. Two models that compute the same function get the same values, but inputs that play the same part in it may not.",
                NotTheWorld,
            ]),
        ["blur-ig"] = new(
            "Blur Integrated Gradients",
            "Each value is the gradient times the change of the pixel, added up while the picture goes from fully blurred to sharp. The values add up to what the detail contributes to the score.",
            ["Which detail of the picture raises or lowers the score, with signs.", "No colour is singled out as absent: black and white pixels can both get credit."],
            [
                "What survives the strongest blur, large areas and the mean colour, gets no credit.",
                "Credit lies at edges and texture by construction, because that is what blurring changes.",
                NotTheWorld,
            ]),
        ["idgi"] = new(
            "IDGI",
            "Along the path from the baseline to the input, the change of the score in each step is divided among the inputs by the squares of the gradient there.",
            ["Which inputs the score's change is due to at the places of the path where it happens, with less noise than Integrated Gradients.", "The values add up to the change of the score, by construction."],
            [
                "That they add up is no sign of quality here: they would with any gradient.",
                "Within a step all inputs get the same sign, also one that by itself lowers the score.",
                Baseline,
                NotTheWorld,
            ]),
        ["xrai"] = new(
            "XRAI",
            "The picture is cut into overlapping segments. Each pixel gets the mean attribution (Integrated Gradients from black and from white) of the segment that brought it in, the densest segments first.",
            ["Which regions of the picture matter most for the score, as a ranking.", "Regions instead of single pixels: noise of the gradients is averaged away."],
            [
                "The regions are those of the picture, not of the model: it cannot show that the model looks at half an object.",
                "A value is a density. A large weak region can matter more in sum than a small strong one.",
                NoSum,
                NotTheWorld,
            ]),
        ["smooth-grad"] = new(
            "SmoothGrad",
            "Each value is the gradient of the target, averaged over many copies of the input with random noise added.",
            ["Which regions the score is sensitive to, with less pixel noise than a single gradient.", "Whether that sensitivity persists in the neighbourhood of the input and is not an accident of one point."],
            [
                Noise,
                "Signs can cancel in the average, so a region of strong but changing gradients may look empty.",
                "A smoother picture is easier on the eye. That does not make it more faithful to the model.",
                NoSum,
            ]),
        ["smooth-grad-squared"] = new(
            "SmoothGrad²",
            "Each value is the square of the gradient of the target, averaged over many copies of the input with random noise added.",
            ["Which regions the score is sensitive to in the neighbourhood of the input, in either direction.", "It ranks regions well where signs would cancel in an ordinary average."],
            [NoSign, "Squaring exaggerates: a gradient twice as large looks four times as important.", Noise, NoSum]),
        ["var-grad"] = new(
            "VarGrad",
            "Each value is the variance of the gradient of the target over many copies of the input with random noise added.",
            ["Where the model's behaviour changes most in the neighbourhood of the input: near its edges and decision boundaries."],
            [
                "It measures variation, not size: a region with a large but steady gradient, such as all of a linear model, gets zero.",
                NoSign,
                Noise,
                NoSum,
            ]),
        ["guided-backprop"] = new(
            "Guided Backprop",
            "Each value is the gradient of the target with respect to one input, with everything negative dropped at every ReLU on the way back.",
            ["Which fine structures of the input excite units that speak for something on the way to the target.", "Sharp pictures for a first look at what kinds of edges and textures the network reacts to."],
            [
                "It is nearly the same for every class and changes little when the weights are scrambled: it shows edges of the picture more than reasons for the answer.",
                "What speaks against the target is dropped on the way and can never appear.",
                NoSum,
                NotTheWorld,
            ]),
        ["deconvolution"] = new(
            "Deconvolution",
            "Each value is what arrives at one input when the target is sent backwards through the network and each ReLU drops what is negative on the way back, whatever it did on the way forward.",
            ["Which patterns of the input are of the kind that excites the target's units."],
            [
                "It ignores which ReLUs were off for this input, so it shows what the units look for more than what they found.",
                "It is known to change little with the class and with the weights of the upper layers.",
                NoSum,
                NotTheWorld,
            ]),
        ["rect-grad"] = new(
            "RectGrad",
            "Each value is the gradient of the target with respect to one input, let through each ReLU only where activation times gradient is among the largest of its layer.",
            ["Which parts of the input feed the few units that matter most for the target, without the noise of all others."],
            [
                "Most of the gradient is thrown away on purpose: an empty region is not shown to be unimportant.",
                "The picture depends on the percentile. Try several before you conclude anything from its extent.",
                NoSum,
                NotTheWorld,
            ]),
        ["deep-lift"] = new(
            "DeepLIFT",
            "Each value is one input's share in the difference between the score and the score on a reference input, divided by slopes between the two. The values add up to that difference.",
            ["How the difference from the reference is divided among the inputs, with signs.", "Contributions that a gradient misses because the network is saturated at this input."],
            [
                Baseline,
                "Only the two ends count, not what lies between. Where several features act together, other methods divide the same difference otherwise.",
                "It divides the score among single inputs; it does not say which inputs act together.",
                NotTheWorld,
            ]),
        ["deep-lift-shap"] = new(
            "DeepLIFT SHAP",
            "Each value is one input's DeepLIFT share, averaged over the rows of a background as references. The values add up to the score minus the mean score of the background.",
            ["What sets this row apart from typical rows, with signs and a standard error for each value.", "An approximation of SHAP values at the cost of one backward pass for each background row."],
            [
                "It depends on the background: it answers 'why this rather than those', and other rows give another answer.",
                "It is an approximation of SHAP values, good where the network is nearly additive between background and input.",
                NotTheWorld,
            ]),
        ["lrp"] = new(
            "Layer-wise Relevance Propagation",
            "Each value is the part of the score that arrives at one input when the score is divided backwards, layer by layer, in proportion to what each unit contributed.",
            ["Which inputs carry the score, with signs (rules other than z-plus, w-square and flat).", "How much of the score biases and stabilisers absorbed: the delta."],
            [
                "The picture depends on the rules as much as on the model. Say which were used, and compare composites.",
                "Rules that favour positive contributions give clean pictures that can hide what speaks against the target, and some are nearly blind to the class.",
                "With the plain epsilon rule it is close to input times gradient, and shares its noise.",
                NotTheWorld,
            ]),
        ["attention-rollout"] = new(
            "Attention Rollout",
            "Each value is the share of a token (or a part of the picture) in what the tokens that are read are made of, if all layers did nothing but mix tokens by their attention, half and half with what was there. The values of a row add up to 1.",
            ["How information may have travelled through the attention of all layers.", "Whether the network can have looked at a token at all."],
            [
                "It is the same for every class: it shows where the network looked, not what spoke for the target.",
                "It knows attention only. What the values, the feed-forward layers and the residual paths do with a token is assumed, not looked at.",
                "It has no sign, and attention on a token does not mean that the score depends on it.",
                NotTheWorld,
            ]),
        ["attention-relevance"] = new(
            "Attention Relevance",
            "Each value adds up over the layers how much a token (or a part of the picture) was attended to, counting attention only where more of it would raise the score.",
            ["Which tokens the score of this class is read from, as far as attention carries it.", "Differences between classes, unlike attention alone."],
            [
                "Only support is counted: what speaks against the target is cut off in every head and layer.",
                NoSum,
                "It knows attention only, and treats the rest of each layer as if it passed tokens on unchanged.",
                NotTheWorld,
            ]),
        ["cam"] = new(
            "CAM",
            "The last layer's channels are added up with the weights that the final linear layer gives them for the class. The mean of the map over all positions is the score, up to the offset.",
            ["Which positions of the last layer make up the score, exactly, with their signs.", "Whether the class is found where the object is."],
            [Coarse, "It is exact from the last layer on. What a position of that layer owes to the picture below it is not shown.", NotTheWorld]),
        ["grad-cam"] = new(
            "Grad-CAM",
            "A layer's channels are added up, each weighted by the mean of its gradient. Positive values mark positions that support the target.",
            ["Roughly where in the picture the evidence for this class lies, as the chosen layer sees it.", "Whether two classes rest on different places: ask for each."],
            [
                Coarse,
                "It averages gradients over positions, so it can mark places that the score does not use. HiResCAM does not.",
                Rectified,
                OneLayer,
                NoSum,
            ]),
        ["grad-cam-plus-plus"] = new(
            "Grad-CAM++",
            "As Grad-CAM, with channels weighted by their positive gradients, so that several objects of one class all count.",
            ["Roughly where the evidence for the class lies, also when the object occurs several times."],
            ["Negative gradients are dropped, so evidence against the class hardly changes the map: maps of different classes can look alike.", Coarse, OneLayer, NoSum]),
        ["score-cam"] = new(
            "Score-CAM",
            "Each channel of a layer is laid over the input as a mask; channels that keep the score high count most. No gradient is involved.",
            ["Which places are enough to keep the score, by direct experiment."],
            [Replacement, "The weights go through a softmax: on probabilities they are nearly equal and the map is little more than a mean of all channels. Explain the logit.", Coarse, OneLayer, NoSum]),
        ["ablation-cam"] = new(
            "Ablation-CAM",
            "A layer's channels are added up, each weighted by the share of the score that is lost when the channel is set to zero. No gradient is involved.",
            ["Which channels the score cannot do without, and where they are active."],
            ["Channels are removed one at a time: if two carry the same information, both look unimportant.", Rectified, Coarse, OneLayer, NoSum]),
        ["xgrad-cam"] = new(
            "XGrad-CAM",
            "As Grad-CAM, with each channel's gradient averaged where the channel is active. Before the ReLU the map adds up to gradient times activation, which is the score for a head without offsets.",
            ["Roughly where the evidence for the class lies; the total is tied to the score."],
            ["Within a channel the weight is the same everywhere, so single positions can be wrong although the total is right.", Rectified, Coarse, OneLayer]),
        ["hires-cam"] = new(
            "HiResCAM",
            "Gradient times activation at each position of a layer, summed over channels.",
            ["Which positions of the layer the score rises and falls with; nothing is averaged over positions.", "For networks that end in pooling and a linear layer, exactly what each position contributes."],
            ["It uses the gradient at one point only; a saturated score has none.", Rectified, Coarse, OneLayer]),
        ["layer-cam"] = new(
            "LayerCAM",
            "Each activation of a layer is weighted by its own gradient where that is positive, and channels are summed.",
            ["Where the evidence lies, with finer outlines than Grad-CAM when an early layer is chosen."],
            ["Only positive gradients count, so it shows support alone.", "Early layers respond to edges and texture: fine maps of them are close to the picture whatever the class.", OneLayer, NoSum]),
        ["eigen-cam"] = new(
            "Eigen-CAM",
            "The strongest pattern that the channels of a layer have in common, found by a singular value decomposition.",
            ["What the layer responds to most in this picture."],
            ["It does not depend on the target: it is the same for every class, and cannot say why this class.", "The sign is a convention: positive where the channels are most active.", Coarse, NoSum]),
        ["eigen-grad-cam"] = new(
            "Eigen-Grad-CAM",
            "The strongest pattern that gradient times activation has in common over the channels of a layer.",
            ["Roughly where the evidence for the class lies, with less noise than HiResCAM."],
            ["All but the strongest pattern is thrown away: a second object may be missing.", "There is no paper on it; it is known from use.", Coarse, OneLayer, NoSum]),
        ["shapley-cam"] = new(
            "ShapleyCAM",
            "As Grad-CAM, with channels weighted by their Shapley values in an expansion of the score to second order: the gradient minus half the curvature.",
            ["Where the evidence for the class lies, with a correction for how channels act together."],
            ["The expansion holds near this input only, and its start, all channels off, is far away.", "For most logits the correction is zero and the map is Grad-CAM's; explain the probability to see a difference.", Coarse, OneLayer, NoSum]),
        ["finer-cam"] = new(
            "Finer-CAM",
            "Grad-CAM of the difference between the class and the classes most like it.",
            ["Which places tell this class from its nearest rivals, such as one breed from another."],
            ["Places that speak for all the similar classes cancel out: the object itself may be missing, with only the telling detail left.", Rectified, Coarse, OneLayer, NoSum]),
        ["full-grad"] = new(
            "FullGrad",
            "The input times its gradient, and every offset in the network times its own gradient, as absolute values on one map.",
            ["Which places matter to the score across all layers of the network, not one."],
            [NoSign, "Each layer's part is scaled to the same range before they are added, so the map's sizes have no unit.", "It is exact for networks of linear and ReLU layers; a remark says how much is missing elsewhere.", NoSum]),
        ["guided-grad-cam"] = new(
            "Guided Grad-CAM",
            "Guided backpropagation to the pixels, multiplied by the Grad-CAM map of a layer.",
            ["Sharp details within the region that Grad-CAM marks."],
            [
                "The sharp lines come from guided backpropagation, which is nearly the same for every class and for randomised upper layers: it redraws edges of the picture. Only the region is evidence.",
                "Grad-CAM's zero regions stay empty whatever the pixels there do.",
                NoSum,
            ]),
        ["excitation-backprop"] = new(
            "Excitation Backprop",
            "Each value is the probability that a walk from the target back through the network, which follows only connections that excite, ends at one input. With contrast, less that of a walk from the opposite of the target.",
            ["Which places of the input excite the units that excite the target; often good at finding where an object is.", "With contrast: what speaks for this target rather than for what excites all."],
            [
                "What inhibits the target is never seen, so it cannot say what speaks against it.",
                "Without contrast the picture is much the same for every class.",
                "It says where, and how much in proportion, but nothing about the size of the score.",
                NotTheWorld,
            ]),
    };

    private static readonly string[] GenericCan =
    [
        "Which inputs this method credits for this one answer of this one model.",
        "Whether the model relies on something that it should not: this is a reason to look further.",
    ];

    private static readonly string[] GenericCannot =
    [
        "It explains one answer. It does not show how the model behaves in general.",
        "A picture that agrees with our expectations is no proof that it shows how the model works. Compare it with a second method of a different kind.",
        NotTheWorld,
    ];

    /// <summary>The names that have their own text.</summary>
    public static IReadOnlyCollection<string> Methods => Catalogue.Keys;

    /// <summary>The text for a method; for a name without one, a general text under the name written in words (<c>own-method</c> is titled <c>Own Method</c>).</summary>
    public static MethodText For(string method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return Catalogue.TryGetValue(method, out MethodText? text)
            ? text
            : new MethodText(Words(method), "Each value is the part that the method gives one input in the model's answer.", GenericCan, GenericCannot);
    }

    private static string Words(string method) =>
        string.Join(' ', method.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
}
