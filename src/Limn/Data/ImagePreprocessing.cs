using System.Numerics.Tensors;

namespace Limn.Data;

/// <summary>Which channels a network sees, and in which order.</summary>
public enum ChannelOrder
{
    Rgb,
    Bgr,

    /// <summary>One channel, the luma of Rec. 601: 0.299 R + 0.587 G + 0.114 B.</summary>
    Gray,
}

/// <summary>How the dimensions of a picture's tensor are ordered.</summary>
public enum TensorLayout
{
    /// <summary>[batch, channel, height, width].</summary>
    Nchw,

    /// <summary>[batch, height, width, channel].</summary>
    Nhwc,
}

/// <summary>What becomes of a picture whose proportions are not those of the target.</summary>
public enum CropMode
{
    /// <summary>It is stretched to the target.</summary>
    None,

    /// <summary>It keeps its proportions, is resized, and loses what is outside of the middle.</summary>
    Center,
}

/// <summary>
/// How a picture becomes a network's input: (pixel · <see cref="Scale"/> − mean) / std for each channel, pixels from 0 to 255, after
/// resizing and cropping.
/// </summary>
/// <remarks>
/// The steps, all in float: alpha is composited over white (αv + (1 − α)·255); channels are picked; the picture is resized
/// (half-pixel bilinear, <see cref="Resampling"/>) and cropped; the numbers are normalised. Pillow, and torchvision on Pillow images, round to
/// whole pixels after resizing, so their values differ from these by up to half a level. A picture that already has the target's size keeps its pixels.
/// </remarks>
public sealed record ImagePreprocessing
{
    /// <summary>Pixels as they are: RGB, 0 to 255, no resizing.</summary>
    public static ImagePreprocessing None { get; } = new() { Scale = 1 };

    /// <summary>
    /// What most networks trained on ImageNet expect: RGB, 224 x 224, the short side resized and the middle kept, antialiased, and
    /// normalised with mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225).
    /// </summary>
    /// <remarks>
    /// The short side is resized to the target, so that as much of the picture as possible is seen; torchvision's evaluation
    /// resizes it to 256 before it crops 224: <c>ImageNet with { ShortSide = 256 }</c>.
    /// </remarks>
    public static ImagePreprocessing ImageNet { get; } = new()
    {
        Size = new ImageSize(224, 224),
        Crop = CropMode.Center,
        Antialias = true,
        Mean = [0.485f, 0.456f, 0.406f],
        Std = [0.229f, 0.224f, 0.225f],
    };

    /// <summary>The width and height that the network takes; null (the default) leaves the picture's.</summary>
    public ImageSize? Size { get; init; }

    public ChannelOrder Channels { get; init; } = ChannelOrder.Rgb;

    /// <summary>What pixels are multiplied by; the default 1/255 makes them 0 to 1.</summary>
    public float Scale { get; init; } = 1f / 255;

    /// <summary>What is subtracted after scaling, in the order of <see cref="Channels"/>: a number for each, one for all, or none (the default: 0).</summary>
    public IReadOnlyList<float> Mean { get; init; } = [];

    /// <summary>What is divided by in the end, in the order of <see cref="Channels"/>: a number for each, one for all, or none (the default: 1).</summary>
    public IReadOnlyList<float> Std { get; init; } = [];

    public TensorLayout Layout { get; init; } = TensorLayout.Nchw;

    /// <summary>Whether pictures of other proportions are stretched (the default) or cropped. Needs <see cref="Size"/>.</summary>
    public CropMode Crop { get; init; } = CropMode.None;

    /// <summary>The length to which the short side is resized before the crop; null (the default): just enough to cover the target.</summary>
    public int? ShortSide { get; init; }

    /// <summary>Whether pixels are averaged when the picture shrinks, as in Pillow. The default is not, as in ONNX Resize.</summary>
    public bool Antialias { get; init; }

    /// <summary>The input for one picture: [1, C, H, W], or [1, H, W, C].</summary>
    /// <exception cref="InvalidOptionException">The options contradict each other.</exception>
    /// <exception cref="ShapeMismatchException">The result would be too large.</exception>
    public Tensor<float> Apply(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return ApplyAll([image]);
    }

    /// <summary>The input for several pictures, one a row: [N, C, H, W], or [N, H, W, C].</summary>
    /// <exception cref="InvalidOptionException">The options contradict each other.</exception>
    /// <exception cref="ShapeMismatchException">There are no pictures; without a <see cref="Size"/> their sizes differ; or the result would be too large.</exception>
    public Tensor<float> ApplyAll(IReadOnlyList<Image> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        (float[] mean, float[] std) = Normalisation();
        if (images.Count == 0) throw new ShapeMismatchException("There are no images to prepare; give at least one.");
        ImageSize size = Size ?? images[0].Size;
        if (images.FirstOrDefault(image => Size is null && image.Size != size) is { } other)
            throw new ShapeMismatchException($"Images of {size} and {other.Size} cannot share a batch; set {nameof(Size)}, so that they are resized.");
        int channels = mean.Length;
        if ((double)images.Count * channels * size.Width * size.Height > Array.MaxLength)
            throw new ShapeMismatchException($"{images.Count} images of {size} do not fit into one tensor; prepare fewer at a time.");
        int area = size.Width * size.Height;
        float[] values = new float[images.Count * channels * area];
        for (int n = 0; n < images.Count; n++)
        {
            float[] planes = ImagePlanes.Fit(ImagePlanes.From(images[n], Channels), channels, images[n].Size, size, this);
            for (int c = 0; c < channels; c++)
            {
                Span<float> plane = planes.AsSpan(c * area, area);
                TensorPrimitives.Multiply(plane, Scale, plane);
                TensorPrimitives.Subtract(plane, mean[c], plane);
                TensorPrimitives.Divide(plane, std[c], plane);
                Span<float> target = values.AsSpan(n * channels * area);
                if (Layout == TensorLayout.Nchw) plane.CopyTo(target[(c * area)..]);
                else for (int i = 0; i < area; i++) target[(i * channels) + c] = plane[i];
            }
        }
        return Layout == TensorLayout.Nchw
            ? Tensors.Of(values, images.Count, channels, size.Height, size.Width)
            : Tensors.Of(values, images.Count, size.Height, size.Width, channels);
    }

    /// <summary>The picture that a network saw: row <paramref name="row"/> of an input, denormalised, rounded, and cut off at 0 and 255 (NaN becomes 0).</summary>
    /// <returns>A grey picture for <see cref="ChannelOrder.Gray"/>, else RGB.</returns>
    /// <exception cref="ShapeMismatchException">The tensor has not the shape that <see cref="ApplyAll"/> makes, or no such row.</exception>
    public Image Restore(Tensor<float> input, int row = 0)
    {
        ArgumentNullException.ThrowIfNull(input);
        (float[] mean, float[] std) = Normalisation();
        int channels = mean.Length;
        bool planar = Layout == TensorLayout.Nchw;
        if (input.Rank != 4 || input.Lengths[planar ? 1 : 3] != channels || input.FlattenedLength == 0)
        {
            throw new ShapeMismatchException($"A tensor of shape {Tensors.Describe(input)} is not a batch of {Channels} images; expected is "
                + (planar ? $"[N, {channels}, H, W]." : $"[N, H, W, {channels}]."));
        }
        if (row < 0 || row >= input.Lengths[0]) throw new ShapeMismatchException($"There is no row {row} in a batch of {input.Lengths[0]} images.");
        (int height, int width) = planar ? ((int)input.Lengths[2], (int)input.Lengths[3]) : ((int)input.Lengths[1], (int)input.Lengths[2]);
        ReadOnlySpan<float> values = Tensors.Values(input).AsSpan(row * channels * height * width, channels * height * width);
        var image = new Image(width, height, channels);
        int area = width * height;
        for (int c = 0; c < channels; c++)
        {
            int target = Channels == ChannelOrder.Bgr ? 2 - c : c;
            for (int i = 0; i < area; i++)
            {
                float pixel = ((values[planar ? (c * area) + i : (i * channels) + c] * std[c]) + mean[c]) / Scale;
                image.Pixels[(i * channels) + target] = float.IsNaN(pixel) ? (byte)0 : (byte)MathF.Round(Math.Clamp(pixel, 0, 255));
            }
        }
        return image;
    }

    private (float[] Mean, float[] Std) Normalisation()
    {
        if (!Enum.IsDefined(Channels) || !Enum.IsDefined(Layout) || !Enum.IsDefined(Crop))
            throw new InvalidOptionException($"Channels {Channels}, layout {Layout}, crop {Crop}: one of them is not known.");
        if (Size is { } size && (size.Width < 1 || size.Height < 1)) throw new InvalidOptionException($"The size {size} is not possible; both must be at least 1.");
        if (!float.IsFinite(Scale) || Scale == 0) throw new InvalidOptionException($"The scale {Scale} is not possible; use a finite number that is not 0.");
        if (Crop == CropMode.None && ShortSide is not null) throw new InvalidOptionException("A short side is only for cropping; set Crop to Center.");
        if (Crop == CropMode.Center && Size is null) throw new InvalidOptionException("Cropping needs the size to crop to; set Size.");
        if (ShortSide is { } side && side < Math.Max(Size!.Value.Width, Size.Value.Height))
            throw new InvalidOptionException($"A short side of {side} does not cover {Size}; use at least the larger of the two.");
        int channels = Channels == ChannelOrder.Gray ? 1 : 3;
        return (Each(Mean, 0, "mean"), Each(Std, 1, "standard deviation"));

        float[] Each(IReadOnlyList<float> given, float otherwise, string name)
        {
            if (given.Count > 1 && given.Count != channels)
                throw new InvalidOptionException($"There are {given.Count} numbers for the {name} of {channels} channel(s); give one for each, or one for all.");
            float[] each = new float[channels];
            for (int c = 0; c < channels; c++) each[c] = given.Count == 0 ? otherwise : given[given.Count == 1 ? 0 : c];
            if (Array.Exists(each, x => !float.IsFinite(x) || (otherwise == 1 && x == 0)))
                throw new InvalidOptionException($"The {name} ({string.Join(", ", each)}) must be finite{(otherwise == 1 ? " and not 0" : "")}.");
            return each;
        }
    }
}
