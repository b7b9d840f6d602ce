using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Tests.Data;

public class ImagePreprocessingTests
{
    private static readonly Image TwoPixels = new(2, 1, 3, [10, 20, 30, 200, 100, 0]);

    [Fact]
    public void Channels_layout_and_normalisation_are_as_said()
    {
        Assert.Equal([10, 200, 20, 100, 30, 0], Values(ImagePreprocessing.None.Apply(TwoPixels)));
        Assert.Equal([30, 0, 20, 100, 10, 200], Values((ImagePreprocessing.None with { Channels = ChannelOrder.Bgr }).Apply(TwoPixels)));
        Assert.Equal([10, 20, 30, 200, 100, 0], Values((ImagePreprocessing.None with { Layout = TensorLayout.Nhwc }).Apply(TwoPixels)));
        Assert.Equal([1, 3, 1, 2], Shape(ImagePreprocessing.None.Apply(TwoPixels)));
        Assert.Equal([1, 1, 2, 3], Shape((ImagePreprocessing.None with { Layout = TensorLayout.Nhwc }).Apply(TwoPixels)));
        Assert.Equal((0.299f * 10) + (0.587f * 20) + (0.114f * 30), Values((ImagePreprocessing.None with { Channels = ChannelOrder.Gray }).Apply(TwoPixels))[0], 1e-4f);
        Tensor<float> normalised = new ImagePreprocessing { Mean = [0.5f, 0, 0.1f], Std = [2, 1, 0.5f] }.Apply(TwoPixels);
        Assert.Equal(((10 / 255f) - 0.5f) / 2, normalised[0, 0, 0, 0], 1e-6f);
        Assert.Equal(100 / 255f, normalised[0, 1, 0, 1], 1e-6f);
        Assert.Equal(((30 / 255f) - 0.1f) / 0.5f, normalised[0, 2, 0, 0], 1e-6f);
        Assert.Equal([-5, 185, 5, 85, 15, -15], Values((ImagePreprocessing.None with { Mean = [15] }).Apply(TwoPixels)));
    }

    [Fact]
    public void Alpha_is_over_white_and_grey_becomes_three_equal_channels()
    {
        var translucent = new Image(3, 1, 4, [100, 0, 0, 255, 100, 0, 0, 0, 100, 0, 0, 51]);
        Assert.Equal([100, 255, 224, 0, 255, 204, 0, 255, 204], Values(ImagePreprocessing.None.Apply(translucent)).Select(v => MathF.Round(v, 3)));
        Assert.Equal([7, 8, 7, 8, 7, 8], Values(ImagePreprocessing.None.Apply(new Image(2, 1, 1, [7, 8]))));
        Assert.Equal([7, 8], Values((ImagePreprocessing.None with { Channels = ChannelOrder.Gray }).Apply(new Image(2, 1, 1, [7, 8]))));
    }

    [Fact]
    public void The_imagenet_preset_covers_224_crops_the_middle_and_normalises()
    {
        Tensor<float> input = ImagePreprocessing.ImageNet.Apply(Image.Filled(300, 500, 255, 0, 51));
        Assert.Equal([1, 3, 224, 224], Shape(input));
        Assert.Equal((1 - 0.485f) / 0.229f, input[0, 0, 5, 7], 1e-5f);
        Assert.Equal((0 - 0.456f) / 0.224f, input[0, 1, 223, 223], 1e-5f);
        Assert.Equal((0.2f - 0.406f) / 0.225f, input[0, 2, 0, 0], 1e-5f);
        Assert.Equal([1, 3, 224, 224], Shape((ImagePreprocessing.ImageNet with { ShortSide = 256 }).Apply(Image.Filled(3000, 10, 1, 2, 3))));
    }

    [Fact]
    public void The_crop_takes_the_middle_of_the_long_side()
    {
        var image = new Image(7, 2, 1, [0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16]);
        var options = ImagePreprocessing.None with { Channels = ChannelOrder.Gray, Size = new ImageSize(2, 2), Crop = CropMode.Center };
        Assert.Equal([2, 3, 12, 13], Values(options.Apply(image))); // 2.5 rounds to even
        var tall = new Image(1, 5, 1, [0, 1, 2, 3, 4]);
        Assert.Equal([2], Values((options with { Size = new ImageSize(1, 1) }).Apply(tall)));
        // The short side becomes 4, the long one 14, of which 6 to 7 are the middle.
        Tensor<float> large = (options with { ShortSide = 4 }).Apply(image);
        Tensor<float> whole = Resampling.Resize(Tensor.Create(Array.ConvertAll(image.Pixels, p => (float)p), [2, 7]), new ImageSize(14, 4));
        Assert.Equal([whole[1, 6], whole[1, 7], whole[2, 6], whole[2, 7]], Values(large));
    }

    [Theory]
    [InlineData(ChannelOrder.Rgb, TensorLayout.Nchw)]
    [InlineData(ChannelOrder.Bgr, TensorLayout.Nchw)]
    [InlineData(ChannelOrder.Rgb, TensorLayout.Nhwc)]
    [InlineData(ChannelOrder.Bgr, TensorLayout.Nhwc)]
    public void Restore_gives_the_picture_that_the_network_saw(ChannelOrder channels, TensorLayout layout)
    {
        var options = ImagePreprocessing.ImageNet with { Size = null, Crop = CropMode.None, Channels = channels, Layout = layout };
        Image other = Image.Filled(2, 1, 0, 255, 128);
        Tensor<float> batch = options.ApplyAll([TwoPixels, other]);
        Assert.Equal(TwoPixels.Pixels, options.Restore(batch).Pixels);
        Assert.Equal(other.Pixels, options.Restore(batch, 1).Pixels);
        Assert.Throws<ShapeMismatchException>(() => options.Restore(batch, 2));
        Assert.Throws<ShapeMismatchException>(() => options.Restore(Tensor.Create(new float[6], [1, 6])));
    }

    [Fact]
    public void Restore_cuts_off_what_no_pixel_can_be()
    {
        var options = ImagePreprocessing.None with { Channels = ChannelOrder.Gray };
        Assert.Equal([0, 255, 0, 255], options.Restore(Tensor.Create([-5f, 300, float.NaN, float.PositiveInfinity], [1, 1, 1, 4])).Pixels);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { Mean = [1, 2] }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { Std = [0] }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { Scale = 0 }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { Crop = CropMode.Center }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { ShortSide = 3 }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.ImageNet with { ShortSide = 100 }).Apply(TwoPixels));
        Assert.Throws<InvalidOptionException>(() => (ImagePreprocessing.None with { Size = new ImageSize(0, 5) }).Apply(TwoPixels));
        Assert.Throws<ShapeMismatchException>(() => (ImagePreprocessing.None with { Size = new ImageSize(int.MaxValue, int.MaxValue) }).Apply(TwoPixels));
        Assert.Throws<ShapeMismatchException>(() => ImagePreprocessing.None.ApplyAll([]));
        Assert.Throws<ShapeMismatchException>(() => ImagePreprocessing.None.ApplyAll([TwoPixels, new Image(1, 1, 1)]));
        Assert.Throws<ShapeMismatchException>(() => new Image(2, 2, 2));
        Assert.Throws<ShapeMismatchException>(() => new Image(0, 2, 1));
        Assert.Throws<ShapeMismatchException>(() => new Image(2, 2, 1, new byte[3]));
    }

    [Fact]
    public void An_image_can_be_cropped_and_addressed()
    {
        var image = new Image(3, 2, 1, [0, 1, 2, 3, 4, 5]);
        Assert.Equal([1, 2, 4, 5], image.Crop(1, 0, 2, 2).Pixels);
        Assert.Equal(5, image[2, 1][0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => image[3, 0][0]);
        Assert.Throws<ShapeMismatchException>(() => image.Crop(2, 0, 2, 2));
    }

    [SharedFact("models/squeezenet/kitten_reference.npz")]
    public void The_recipe_of_squeezenet_gives_its_reference_input()
    {
        var recipe = ImagePreprocessing.None with { Channels = ChannelOrder.Bgr, Mean = [103.94f, 116.78f, 123.68f] };
        float[] input = Values(recipe.Apply(ImageFile.Read(SharedFiles.Path("images/kitten_224.png"))));
        float[] expected = Values(NpzFile.Read(SharedFiles.Path("models/squeezenet/kitten_reference.npz"), "in_data_0").ToFloat());
        Assert.Equal(expected, input);
    }

    private static float[] Values(Tensor<float> tensor)
    {
        float[] values = new float[tensor.FlattenedLength];
        tensor.FlattenTo(values);
        return values;
    }

    private static int[] Shape(Tensor<float> tensor) => [.. tensor.Lengths.ToArray().Select(l => (int)l)];
}
